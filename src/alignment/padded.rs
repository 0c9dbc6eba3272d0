//! Prompts of different lengths as one batch.

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::models::Context;

/// Prompts as one tensor `[batch, longest]`, padded on the right with token 0, and the context that masks the padding.
pub(crate) fn padded(prompts: &[&[u32]], device: &Device) -> (Tensor<2, Int>, Context) {
    let lengths: Vec<usize> = prompts.iter().map(|prompt| prompt.len()).collect();
    let longest = lengths.iter().copied().max().unwrap_or(0);
    let row = |prompt: &&[u32]| (0..longest).map(|at| prompt.get(at).map_or(0, |token| i64::from(*token))).collect();
    let tokens: Vec<Vec<i64>> = prompts.iter().map(row).collect();
    let tokens = TensorData::new(tokens.concat(), [prompts.len(), longest]);
    (Tensor::from_data(tokens, device), Context::of_lengths(&lengths))
}
