//! Products of Householder's reflections.

use burn::tensor::Tensor;

/// The first `rank` columns of `H₁ H₂ … H_rank`, differentiable.
///
/// `Hᵢ = I − τᵢ vᵢ vᵢᵀ`, where vᵢ has zeros above its i-th entry, one there, and X's entries below, and
/// `τᵢ = 2 / ‖vᵢ‖²`. X's upper triangle is not read.
///
/// # Shapes
/// - x, output: `[width, rank]`
#[must_use]
pub fn householder(x: Tensor<2>) -> Tensor<2> {
    let [width, rank] = x.dims();
    let identity = Tensor::<2>::eye(width, &x.device()).slice([0..width, 0..rank]);
    let vectors = x.tril(-1) + identity.clone();
    let tau = vectors.clone().square().sum_dim(0).recip().mul_scalar(2.0); // [1, rank]
    let scaled = vectors.clone() * tau;
    (0..rank).rev().fold(identity, |product, i| {
        // The last reflections leave all earlier columns as they are, but slicing costs more than it saves.
        let row = vectors.clone().slice([0..width, i..i + 1]).transpose().matmul(product.clone()); // [1, rank]
        product - scaled.clone().slice([0..width, i..i + 1]).matmul(row)
    })
}
