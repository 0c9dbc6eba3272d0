//! One interchange, from the states that enter the suffix to logits.

use burn::tensor::{Int, Tensor};

use crate::error::Error;
use crate::models::{Context, FrozenModel};
use crate::tap::{Component, Patch, Rows, Site, Tap};

/// Everything about a batch of pairs that the frozen model makes of it: constants while interventions are trained.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The layer that the suffix begins with.
    pub entry: usize,
    /// The base's states that enter the suffix, `[batch, seq, d_model]`.
    pub hidden: Tensor<3>,
    /// Where the suffix's tokens stand, and the keys and values before them.
    pub context: Context,
    /// What is intervened on, place by place.
    pub locations: Vec<BatchRows>,
    /// The variables that each example swaps, by number, one for each of its sources.
    pub swapped: Vec<Vec<usize>>,
    /// Whether each example's label is the base's own answer.
    pub keeps_answer: Vec<bool>,
    /// The rows of each example whose logits the loss reads, counted along `hidden`.
    pub answers: Rows,
    /// The classes that are asked among, `[choices]`; none for all of them.
    pub choices: Option<Tensor<1, Int>>,
    /// What has to be said there, `[batch, answers]`: classes, or where they stand among the choices.
    pub labels: Tensor<2, Int>,
    /// 1 for each answer that an example has and 0 where it has fewer, `[batch, answers]`; `None` where all have as many.
    pub weights: Option<Tensor<2>>,
}

/// One of the places that are intervened on at once.
#[derive(Clone, Debug)]
pub struct BatchRows {
    /// The site.
    pub site: Site,
    /// The rows that are intervened on, counted along the batch's `hidden`.
    pub rows: Rows,
    /// The rows of each example's k-th source at the site, `[batch, units, width]`, for every k. An example with fewer
    /// sources than others has rows of no meaning in the places of those that it lacks.
    pub sources: Vec<Tensor<3>>,
}

impl Batch {
    /// The number of examples.
    #[must_use]
    pub fn len(&self) -> usize {
        self.answers.batch()
    }

    /// Whether there is no example.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The first layer that an intervention at the site changes.
#[must_use]
pub fn first_layer(site: Site) -> usize {
    site.layer + usize::from(site.component == Component::BlockOutput)
}

/// The logits at the answers, `[batch, answers, classes]`, of the model's suffix on a batch's states, past a tap.
///
/// The `block_output` of the layer below is what enters the suffix, so the tap sees it before the first layer runs.
pub fn suffix(model: &dyn FrozenModel, batch: &Batch, tap: &mut dyn Tap) -> Tensor<3> {
    let mut hidden = batch.hidden.clone();
    if let Some(below) = batch.entry.checked_sub(1) {
        hidden = tap.visit(Component::BlockOutput.at(below), hidden);
    }
    let hidden = model.layers(hidden, batch.entry..model.n_layers(), &mut batch.context.clone(), tap);
    let hidden = batch.answers.gather(hidden);
    match &batch.choices {
        None => model.unembed(hidden),
        Some(choices) => model.unembed_only(hidden, choices),
    }
}

/// The logits at the answers, `[batch, answers, classes]`, after `edit` has rewritten the rows of each part; it is given
/// the part's number and the base's rows.
pub fn interchange(
    model: &dyn FrozenModel,
    batch: &Batch,
    edit: &dyn Fn(usize, Tensor<3>) -> Tensor<3>,
) -> Result<Tensor<3>, Error> {
    let patch = |(at, part): (usize, &BatchRows)| Patch::new(part.site, part.rows.clone(), move |base| edit(at, base));
    let mut patches: Vec<Patch<'_>> = batch.locations.iter().enumerate().map(patch).collect();
    let logits = suffix(model, batch, &mut |site: Site, x: Tensor<3>| patches[..].visit(site, x));
    patches.into_iter().try_for_each(Patch::finish)?;
    Ok(logits)
}
