//! What a search minimises: a loss over the answers, and weighted terms beside it. Each is one file and one variant.

mod cross_entropy;
mod isolation;
mod subspace;

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::interchange::{Batch, interchange};
use super::{Candidate, Rewrite};
use crate::error::Error;
use crate::interventions::Intervention;
use crate::models::FrozenModel;

pub use subspace::taken;

/// A loss over the logits at the answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// The cross-entropy of the labels, in nats.
    #[default]
    CrossEntropy,
}

/// A term beside the loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Penalty {
    /// The share of the space that the interventions exchange, added to the loss.
    Subspace,
    /// The loss of the pairs whose answer must not change (multi-task DAS), averaged in with this weight.
    Isolation,
}

/// A loss and the weights of the terms beside it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Objective {
    /// The loss.
    pub loss: Loss,
    /// Terms, each with its weight.
    pub penalties: Vec<(Penalty, f64)>,
}

impl Objective {
    /// Cross-entropy and the interventions' own penalties at a weight.
    #[must_use]
    pub fn with_subspace(weight: f64) -> Self {
        Self { penalties: vec![(Penalty::Subspace, weight)], ..Self::default() }
    }
}

/// One forward pass over the pairs of several candidates.
pub struct Forward {
    /// On the tape, `[1]`: a sum whose gradient is each candidate's own. Its value has no meaning; see `losses`.
    pub total: Tensor<1>,
    /// Each candidate's loss, penalties included, off the tape, `[candidates]`.
    pub losses: Tensor<1>,
    /// The logits at the answers, `[candidates × pairs, answers, classes]`.
    pub logits: Tensor<3>,
}

/// The mean loss of each candidate's pairs, and its penalties.
///
/// The batch holds the candidates' pairs, one candidate's after the other's and as many of each; the weights of the frozen
/// model are read once for all.
pub fn loss<I: Intervention>(
    model: &dyn FrozenModel,
    batch: &Batch,
    candidates: &[&Candidate<I>],
    objective: &Objective,
) -> Result<Forward, Error> {
    let each = batch.len() / candidates.len();
    let edit = |place: usize, base: Tensor<3>| {
        let own = |(at, candidate): (usize, &&Candidate<I>)| {
            candidate.rewrite(place, &base, batch, at * each..(at + 1) * each)
        };
        let mut rows: Vec<Tensor<3>> = candidates.iter().enumerate().map(own).collect();
        if rows.len() == 1 { rows.remove(0) } else { Tensor::cat(rows, 0) }
    };
    let logits = interchange(model, batch, &edit)?;
    let weights = objective.weights(batch, candidates.len());
    let (mut total, mut losses) = match objective.loss {
        Loss::CrossEntropy => cross_entropy::means(logits.clone(), batch, &weights, candidates.len()),
    };
    for (at, candidate) in candidates.iter().enumerate() {
        for (penalty, weight) in objective.penalties.iter().filter(|(_, weight)| *weight != 0.0) {
            let Some(value) = penalty.value(candidate) else { continue };
            let value = value * *weight;
            let own = losses.clone().narrow(0, at, 1) + value.clone().detach().inner();
            losses = losses.slice_assign(at..at + 1, own);
            total = total + value;
        }
    }
    Ok(Forward { total, losses, logits })
}

/// The mean loss of each example's answers, without penalties, off the tape.
///
/// # Shapes
/// - logits: `[batch, answers, classes]`, off the tape
/// - output: `[batch]`
pub(super) fn by_example(loss: Loss, logits: Tensor<3>, batch: &Batch) -> Tensor<1> {
    match loss {
        Loss::CrossEntropy => cross_entropy::by_example(logits, batch),
    }
}

impl Penalty {
    /// What the term adds to a candidate's loss, `[1]`.
    fn value<I: Intervention>(self, candidate: &Candidate<I>) -> Option<Tensor<1>> {
        match self {
            Self::Subspace => taken(candidate),
            Self::Isolation => None,
        }
    }
}

impl Objective {
    /// The weight of each answer in the mean of its candidate's pairs, `[batch × answers, 1]`; it sums to 1 over each of
    /// `candidates` equal parts.
    fn weights(&self, batch: &Batch, candidates: usize) -> Tensor<2> {
        let [count, answers] = batch.labels.dims();
        let isolation = self.penalties.iter().find(|(penalty, _)| *penalty == Penalty::Isolation);
        let pairs = isolation.and_then(|(_, weight)| isolation::weights(batch, *weight as f32));
        let weights = match (batch.weights.clone(), pairs) {
            (None, None) => {
                let share = 1.0 / (count * answers / candidates) as f64;
                return Tensor::full([count * answers, 1], share, &batch.labels.device());
            }
            (Some(answers), None) => answers,
            (None, Some(pairs)) => pairs.expand([count, answers]),
            (Some(answers), Some(pairs)) => answers * pairs,
        };
        let weights = weights.reshape([candidates, count * answers / candidates]);
        (weights.clone() / weights.sum_dim(1)).reshape([count * answers, 1])
    }
}
