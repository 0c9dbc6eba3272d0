//! Attention and its heads.

use burn::tensor::{DType, Tensor, activation};

/// `[batch, seq, heads × head_dim]` to `[batch, heads, seq, head_dim]`.
#[must_use]
pub(super) fn split_heads(x: Tensor<3>, heads: usize) -> Tensor<4> {
    let [batch, seq, width] = x.dims();
    x.reshape([batch, seq, heads, width / heads]).swap_dims(1, 2)
}

/// `[batch, heads, seq, head_dim]` to `[batch, seq, heads × head_dim]`.
#[must_use]
pub(super) fn merge_heads(x: Tensor<4>) -> Tensor<3> {
    let [batch, heads, seq, head_dim] = x.dims();
    x.swap_dims(1, 2).reshape([batch, seq, heads * head_dim])
}

/// `softmax(scale · q kᵀ + bias) v` (Vaswani et al. 2017, arXiv 1706.03762).
///
/// Query heads that share a key head become further rows of that head, so keys and values are never repeated. The softmax
/// is in f32 whatever the model's dtype.
///
/// # Shapes
/// - queries: `[batch, n_heads, seq, head_dim]`
/// - keys, values: `[batch, n_kv_heads, keys, head_dim]`
/// - bias: `[batch or 1, 1, seq, keys]`
/// - output: `[batch, seq, n_heads × head_dim]`
#[must_use]
pub(super) fn attention(
    queries: Tensor<4>,
    keys: Tensor<4>,
    values: Tensor<4>,
    scale: f64,
    bias: Option<Tensor<4>>,
) -> Tensor<3> {
    let scores = scores(queries * scale, keys);
    weigh(scores, bias, values)
}

/// `q kᵀ` in f32, for grouped key heads too.
///
/// # Shapes
/// - queries: `[batch, n_heads, seq, head_dim]`
/// - keys: `[batch, n_kv_heads, keys, head_dim]`
/// - output: `[batch, n_heads, seq, keys]`
#[must_use]
pub(super) fn scores(queries: Tensor<4>, keys: Tensor<4>) -> Tensor<4> {
    let [batch, heads, seq, head_dim] = queries.dims();
    let [_, kv_heads, length, _] = keys.dims();
    let queries = queries.reshape([batch, kv_heads, heads / kv_heads * seq, head_dim]);
    queries.matmul(keys.transpose()).reshape([batch, heads, seq, length]).cast(DType::F32)
}

/// `softmax(scores + bias) v` with the heads merged.
///
/// # Shapes
/// - scores: `[batch, n_heads, seq, keys]`
/// - bias: `[batch or 1, 1, seq, keys]`
/// - values: `[batch, n_kv_heads, keys, head_dim]`
/// - output: `[batch, seq, n_heads × head_dim]`
#[must_use]
pub(super) fn weigh(scores: Tensor<4>, bias: Option<Tensor<4>>, values: Tensor<4>) -> Tensor<3> {
    let [batch, heads, seq, length] = scores.dims();
    let [_, kv_heads, _, head_dim] = values.dims();
    let scores = match bias {
        Some(bias) => scores + bias,
        None => scores,
    };
    let weights = activation::softmax(scores, 3).cast(values.dtype());
    let weights = weights.reshape([batch, kv_heads, heads / kv_heads * seq, length]);
    merge_heads(weights.matmul(values).reshape([batch, heads, seq, head_dim]))
}
