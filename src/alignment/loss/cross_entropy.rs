//! The cross-entropy of the labels.

use burn::tensor::{DType, IndexingUpdateOp, Int, Tensor};

use crate::alignment::interchange::Batch;

/// The weighted mean cross-entropy of each of the candidates' parts of a batch: the sum over the candidates on the tape,
/// `[1]`, and each candidate's own off the tape, `[candidates]`.
///
/// Its gradient, `(softmax − one-hot) × weight`, is known: formed here, off the tape, it takes one pass of exponentials
/// over the vocabulary, where the tape would keep and walk four. What goes onto the tape is linear in the logits and has
/// that gradient.
///
/// # Shapes
/// - logits: `[candidates × pairs, answers, classes]`
/// - weights: `[candidates × pairs × answers, 1]`, each candidate's with a sum of 1
pub(super) fn means(
    logits: Tensor<3>,
    batch: &Batch,
    weights: &Tensor<2>,
    candidates: usize,
) -> (Tensor<1>, Tensor<1>) {
    let Terms { exponentials, sums, losses, labels } = terms(logits.clone().detach().inner(), batch);
    let [count, classes] = exponentials.dims();
    let losses = (losses * weights.clone()).reshape([candidates, count / candidates]).sum_dim(1).reshape([candidates]);
    let gradient =
        (exponentials * (weights.clone() / sums)).scatter(1, labels, -weights.clone(), IndexingUpdateOp::Add);
    let logits = logits.reshape([count, classes]).cast(DType::F32);
    ((logits * Tensor::from_inner(gradient)).sum(), losses)
}

/// The mean cross-entropy of each example's answers, off the tape.
///
/// # Shapes
/// - logits: `[batch, answers, classes]`, off the tape
/// - output: `[batch]`
pub(super) fn by_example(logits: Tensor<3>, batch: &Batch) -> Tensor<1> {
    let [count, answers, _] = logits.dims();
    let losses = terms(logits, batch).losses.reshape([count, answers]);
    let means = match &batch.weights {
        None => losses.mean_dim(1),
        Some(weights) => (losses * weights.clone()).sum_dim(1) / weights.clone().sum_dim(1),
    };
    means.reshape([count])
}

struct Terms {
    /// `exp(logit − largest logit)`, `[batch × answers, classes]`.
    exponentials: Tensor<2>,
    /// Their sums, `[batch × answers, 1]`.
    sums: Tensor<2>,
    /// `[batch × answers, 1]`
    losses: Tensor<2>,
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
