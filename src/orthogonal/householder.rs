//! Products of Householder reflections.

use burn::tensor::Tensor;

/// Returns the first `rank` columns of `H₁ H₂ … H_rank`; differentiable.
///
/// `Hᵢ = I − τᵢ vᵢ vᵢᵀ` with `τᵢ = 2 / ‖vᵢ‖²`, where vᵢ is 0 above its i-th entry, 1 at that entry, and equal to X's
/// i-th column below it. X's upper triangle is not read.
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
        // The last reflections do not change the earlier columns, but slicing costs more time than it saves.
        let row = vectors.clone().slice([0..width, i..i + 1]).transpose().matmul(product.clone()); // [1, rank]
        product - scaled.clone().slice([0..width, i..i + 1]).matmul(row)
    })
}
