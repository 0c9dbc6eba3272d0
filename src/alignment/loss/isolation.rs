//! The isolating pairs of multi-task distributed alignment search.

use burn::tensor::{Tensor, TensorData};

use crate::alignment::interchange::Batch;

/// The weight of each pair, `[batch, 1]`: `weight` where the label is the base's own answer, 1 where the interchange has to
/// change it. `None` where no pair keeps its answer.
///
/// With 1 for both it is the loss of multi-task DAS. (Huang et al. 2024, "RAVEL", arXiv 2402.17700.)
pub(super) fn weights(batch: &Batch, weight: f32) -> Option<Tensor<2>> {
    if weight == 1.0 || !batch.keeps_answer.contains(&true) {
        return None;
    }
    let weights: Vec<f32> = batch.keeps_answer.iter().map(|keeps| if *keeps { weight } else { 1.0 }).collect();
    let count = weights.len();
    Some(Tensor::from_data(TensorData::new(weights, [count, 1]), &batch.labels.device()))
}
