//! Which examples got the causal model's answer.

use burn::tensor::{Int, Tensor};

/// 1 for each example that has the label as the largest logit, of `[batch, answers, classes]`, at every one of its answers,
/// else 0: `[batch]`.
pub(crate) fn hits(logits: Tensor<3>, labels: &Tensor<2, Int>, weights: Option<&Tensor<2>>) -> Tensor<1, Int> {
    let [batch, answers, _] = logits.dims();
    let wrong = logits.argmax(2).reshape([batch, answers]).not_equal(labels.clone()).float();
    let wrong = match weights {
        Some(weights) => wrong * weights.clone(),
        None => wrong,
    };
    wrong.sum_dim(1).equal_elem(0.0).int().reshape([batch])
}

/// The number of [`hits`].
pub(crate) fn count_hits(logits: Tensor<3>, labels: &Tensor<2, Int>, weights: Option<&Tensor<2>>) -> usize {
    let hits = hits(logits, labels, weights).sum().into_scalar::<i64>();
    usize::try_from(hits).expect("a count is not negative")
}
