//! A run that is kept, so that a change somewhere runs only what follows from it.

use burn::tensor::{Int, Tensor, TensorData};

use crate::error::Error;
use crate::models::{Context, FrozenModel, KeyValue, Memory};
use crate::tap::{Component, Rows, Site, Tap};

/// A run of sequences of one length, with the states that entered each layer and all keys and values.
///
/// The model is causal: what is changed in a layer at a position changes nothing before that position, nor below that
/// layer. So many such changes make one batch of tails, each from its own position on.
pub struct Kept {
    /// The state that enters each layer, `[batch, seq, d_model]`.
    states: Vec<Tensor<3>>,
    memory: Memory,
    tokens: usize,
}

/// One place to change something: an example of the kept run, and the first position that is run anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// The example.
    pub example: usize,
    /// The position.
    pub position: usize,
}

impl Kept {
    /// Runs all layers from the embeddings, past a tap, and keeps what follows from them.
    ///
    /// # Shapes
    /// - embeddings: `[batch, seq, d_model]`
    /// - output: the last layer's output beside it, `[batch, seq, d_model]`
    pub fn run(model: &dyn FrozenModel, embeddings: Tensor<3>, tap: &mut dyn Tap) -> (Self, Tensor<3>) {
        let [batch, tokens, _] = embeddings.dims();
        let mut context = Context::full(batch, tokens).keeping();
        let mut states = Vec::with_capacity(model.n_layers());
        let mut hidden = embeddings;
        for layer in 0..model.n_layers() {
            states.push(hidden.clone());
            hidden = model.layers(hidden, layer..layer + 1, &mut context, tap);
        }
        (Self { states, memory: context.into_memory(), tokens }, hidden)
    }

    /// The number of tokens of each example.
    #[must_use]
    pub const fn tokens(&self) -> usize {
        self.tokens
    }

    /// Runs the layers from `layer` on, for each start from its position on, past a tap whose position 0 is the
    /// start's; gives the logits after the last token.
    ///
    /// # Shapes
    /// - what the tap sees: `[starts, longest tail, width]`
    /// - output: `[starts, classes]`
    pub fn logits_from(
        &self,
        model: &dyn FrozenModel,
        layer: usize,
        starts: &[Start],
        tap: &mut dyn Tap,
    ) -> Result<Tensor<2>, Error> {
        let (hidden, mut context) = self.tails(layer, starts)?;
        let hidden = model.layers(hidden, layer..model.n_layers(), &mut context, tap);
        let last = starts.iter().map(|start| vec![self.tokens - 1 - start.position]).collect();
        let logits = model.unembed(Rows::positions(last)?.gather(hidden)); // [starts, 1, classes]
        Ok(logits.squeeze_dim(1))
    }

    fn tails(&self, layer: usize, starts: &[Start]) -> Result<(Tensor<3>, Context), Error> {
        let first: Vec<usize> = starts.iter().map(|start| start.position).collect();
        let lengths: Vec<usize> = first.iter().map(|first| self.tokens - first).collect();
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let state = &self.states[layer];
        let [batch, seq, width] = state.dims();
        // All tails as rows of one long example.
        let place = |start: &Start, i: usize| start.example * seq + (start.position + i).min(seq - 1);
        let rows = starts.iter().flat_map(|start| (0..longest).map(move |i| place(start, i))).collect();
        let hidden = Rows::positions(vec![rows])?.gather(state.clone().reshape([1, batch * seq, width]));
        let hidden = hidden.reshape([starts.len(), longest, width]);

        let examples: Vec<i64> = starts.iter().map(|start| start.example as i64).collect();
        let examples = Tensor::<1, Int>::from_data(TensorData::new(examples, [starts.len()]), &hidden.device());
        let needed = (0..self.states.len()).map(|of| {
            self.memory.layer(of).filter(|_| of >= layer && first.iter().any(|first| *first > 0)).map(|kept| KeyValue {
                keys: kept.keys.clone().select(0, examples.clone()),
                values: kept.values.clone().select(0, examples.clone()),
            })
        });
        let positions = vec![(0..seq as i64).collect(); starts.len()];
        let memory = Memory::new(positions, needed.collect()).before(&first);
        Ok((hidden, Context::tail(&first, &lengths, memory)))
    }
}

/// Keeps what a run has at some components, `[batch, seq, width]` each, in the order of the layers.
pub(super) fn recorder(component: Component, kept: &mut Vec<Tensor<3>>) -> impl FnMut(Site, Tensor<3>) -> Tensor<3> {
    move |site, activation| {
        if site.component == component {
            kept.push(activation.clone());
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
