//! One interchange, from the states that enter the suffix to logits.

use std::ops::Range;

use burn::tensor::{Int, Tensor};

use crate::error::Error;
use crate::models::{Context, FrozenModel};
use crate::tap::{Component, Patch, Rows, Site, Tap};

/// Everything about a batch of pairs that the frozen model makes of it: constants while an intervention is trained.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The base's states that enter the suffix, `[batch, seq, d_model]`.
    pub hidden: Tensor<3>,
    /// Where the suffix's tokens stand, and the keys and values before them.
    pub context: Context,
    /// The rows that are intervened on, counted along `hidden`.
    pub rows: Rows,
    /// Each source's rows at the site, `[batch, units, width]`, and the columns of the rotation that it fills.
    pub sources: Vec<(Tensor<3>, Range<usize>)>,
    /// The one row of each example whose logits the loss reads, counted along `hidden`.
    pub answers: Rows,
    /// What the causal model says there, `[batch]`.
    pub labels: Tensor<1, Int>,
}

/// The first layer that an intervention at the site changes.
#[must_use]
pub fn first_layer(site: Site) -> usize {
    site.layer + usize::from(site.component == Component::BlockOutput)
}

/// The logits at the answers, `[batch, 1, classes]`, of the model's suffix on a batch's states, past a tap.
///
/// A `block_output` is what enters the suffix, so the tap sees it before the first layer runs.
pub fn suffix(model: &dyn FrozenModel, site: Site, batch: &Batch, tap: &mut dyn Tap) -> Tensor<3> {
    let mut hidden = batch.hidden.clone();
    if site.component == Component::BlockOutput {
        hidden = tap.visit(site, hidden);
    }
    let layers = first_layer(site)..model.n_layers();
    let hidden = model.layers(hidden, layers, &mut batch.context.clone(), tap);
    model.unembed(batch.answers.gather(hidden))
}

/// The logits at the answers, `[batch, 1, classes]`, after `edit` has rewritten the batch's rows.
pub fn interchange(
    model: &dyn FrozenModel,
    site: Site,
    batch: &Batch,
    edit: impl FnMut(Tensor<3>) -> Tensor<3>,
) -> Result<Tensor<3>, Error> {
    let mut patch = Patch::new(site, batch.rows.clone(), edit);
    let logits = suffix(model, site, batch, &mut patch);
    patch.finish()?;
    Ok(logits)
}
