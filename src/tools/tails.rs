//! Recording runs of a prompt, and cutting the runs that begin in them into batches.

use burn::tensor::Tensor;

use crate::tap::{Component, Site};

/// Records the activations at a component, `[batch, seq, width]` each, in the order of the layers.
pub(super) fn recorder(
    component: Component,
    activations: &mut Vec<Tensor<3>>,
) -> impl FnMut(Site, Tensor<3>) -> Tensor<3> {
    move |site, activation| {
        if site.component == component {
            activations.push(activation.clone());
        }
        activation
    }
}

/// Cuts starts into batches of at most some number of tokens (one start at least), the longest tails first.
pub(super) fn batches<T>(mut starts: Vec<T>, tokens: usize, position: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    const MOST: usize = 1024;
    starts.sort_by_key(|start| position(start));
    let mut batches: Vec<Vec<T>> = Vec::new();
    for start in starts {
        match batches.last_mut() {
            // The first start of a batch has the longest tail: that is what the others are padded to.
            Some(batch) if (batch.len() + 1) * (tokens - position(&batch[0])) <= MOST => batch.push(start),
            _ => batches.push(vec![start]),
        }
    }
    batches
}
