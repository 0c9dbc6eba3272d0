//! What a search lowers: the cross-entropy at the answers, and the interventions' own penalties.

use burn::tensor::{DType, IndexingUpdateOp, Int, Tensor};

use super::Candidate;
use super::step::{self, Batch};
use crate::error::Error;
use crate::interventions::Intervention;
use crate::models::FrozenModel;

/// One forward pass over the pairs of several candidates.
pub struct Forward {
    /// On the tape, `[1]`; of each candidate it has the gradient of its own loss. Its value means nothing.
    pub total: Tensor<1>,
    /// Each candidate's loss, penalty included, off the tape, `[candidates]`.
    pub losses: Tensor<1>,
    /// The logits at the answers, `[candidates × pairs, answers, classes]`.
    pub logits: Tensor<3>,
}

/// The mean cross-entropy of each candidate's pairs, and `penalty` times what it takes.
///
/// The batch holds the candidates' pairs, one's after the other's and as many of each, and the weights of the frozen model
/// are read once for all.
pub fn loss(model: &dyn FrozenModel, batch: &Batch, candidates: &[&Candidate], penalty: f64) -> Result<Forward, Error> {
    let each = batch.len() / candidates.len();
    let edit = |place: usize, base: Tensor<3>| {
        let own =
            |(at, candidate): (usize, &&Candidate)| candidate.rewrite(place, &base, batch, at * each..(at + 1) * each);
        let mut rows: Vec<Tensor<3>> = candidates.iter().enumerate().map(own).collect();
        if rows.len() == 1 { rows.remove(0) } else { Tensor::cat(rows, 0) }
    };
    let logits = step::interchange(model, batch, &edit)?;
    let (mut total, mut losses) = cross_entropy(logits.clone(), batch, candidates.len());
    for (at, candidate) in candidates.iter().enumerate() {
        if let Some(taken) = taken(candidate).filter(|_| penalty != 0.0) {
            let taken = taken * penalty;
            let own = losses.clone().narrow(0, at, 1) + taken.clone().detach().inner();
            losses = losses.slice_assign(at..at + 1, own);
            total = total + taken;
        }
    }
    Ok(Forward { total, losses, logits })
}

/// What the penalty weighs, over all places; `[1]`.
pub(super) fn taken(candidate: &Candidate) -> Option<Tensor<1>> {
    candidate.interventions.iter().filter_map(Intervention::penalty).reduce(|sum, taken| sum + taken)
}

/// The mean cross-entropy of the logits at the answers, `[parts × pairs, answers, classes]`, against the labels, part by
/// part: the sum over the parts on the tape, `[1]`, and each part's own off the tape, `[parts]`.
///
/// Its gradient, `(softmax − one-hot) / answers`, is known: formed here, off the tape, it takes one pass of exponentials
/// over the vocabulary, where the tape would keep and walk four. What goes onto the tape is linear in the logits, and has
/// that gradient.
fn cross_entropy(logits: Tensor<3>, batch: &Batch, parts: usize) -> (Tensor<1>, Tensor<1>) {
    let Terms { exponentials, sums, losses, labels } = terms(logits.clone().detach().inner(), batch);
    let [count, classes] = exponentials.dims();
    let each = count / parts;
    let share = match &batch.weights {
        None => Tensor::full([count, 1], 1.0 / each as f64, &sums.device()),
        Some(weights) => {
            let weights = weights.clone().reshape([parts, each]);
            (weights.clone() / weights.sum_dim(1)).reshape([count, 1])
        }
    };
    let losses = (losses * share.clone()).reshape([parts, each]).sum_dim(1).reshape([parts]);
    let gradient = (exponentials * (share.clone() / sums)).scatter(1, labels, -share, IndexingUpdateOp::Add);
    let logits = logits.reshape([count, classes]).cast(DType::F32);
    ((logits * Tensor::from_inner(gradient)).sum(), losses)
}

/// The mean cross-entropy of each example's answers, off the tape.
///
/// # Shapes
/// - logits: `[batch, answers, classes]`, off the tape
/// - output: `[batch]`
pub(super) fn of_examples(logits: Tensor<3>, batch: &Batch) -> Tensor<1> {
    let [count, answers, _] = logits.dims();
    let losses = terms(logits, batch).losses.reshape([count, answers]);
    let means = match &batch.weights {
        None => losses.mean_dim(1),
        Some(weights) => (losses * weights.clone()).sum_dim(1) / weights.clone().sum_dim(1),
    };
    means.reshape([count])
}

/// The parts of a cross-entropy, off the tape.
struct Terms {
    /// Of the logits over the largest, `[batch × answers, classes]`.
    exponentials: Tensor<2>,
    /// Their sums, `[batch × answers, 1]`.
    sums: Tensor<2>,
    /// `[batch × answers, 1]`
    losses: Tensor<2>,
    /// `[batch × answers, 1]`
    labels: Tensor<2, Int>,
}

fn terms(logits: Tensor<3>, batch: &Batch) -> Terms {
    let [count, answers, classes] = logits.dims();
    let labels = batch.labels.clone().reshape([count * answers, 1]);
    let logits = logits.reshape([count * answers, classes]).cast(DType::F32);
    let shifted = logits.clone() - logits.max_dim(1);
    let exponentials = shifted.clone().exp();
    let sums = exponentials.clone().sum_dim(1);
    let losses = sums.clone().log() - shifted.gather(1, labels.clone());
    Terms { exponentials, sums, losses, labels }
}
