//! The Cayley map of a skew-symmetric matrix.

use burn::tensor::Tensor;

use super::matrix_exp::norm_1;

/// Returns `(I − A/2)⁻¹ (I + A/2)` for a skew-symmetric A; differentiable.
///
/// With `B = I − A/2` and `H = B (I + A/2) = I + AᵀA/4`, which all commute, `B⁻¹ = (I + A/2) H⁻¹`. H is positive
/// definite with eigenvalues in `[1, 1 + ‖A‖₁²/4]`, so Newton's iteration `Y ← Y (2I − H Y)` from
/// `Y = 2 I / (2 + ‖A‖₁²/4)` converges to its inverse in a known number of iterations. This part is not recorded by
/// autodiff. One more step, which is recorded, `M ← M (2I − B M)`, has exactly the derivative of the inverse,
/// `M (dA/2) M`, and removes rounding errors.
///
/// # Shapes
/// - a, output: `[n, n]`
#[must_use]
pub fn cayley(a: Tensor<2>) -> Tensor<2> {
    let identity = Tensor::<2>::eye(a.dims()[0], &a.device());
    let twice = identity.clone().mul_scalar(2.0);
    let newton = |inverse: Tensor<2>, matrix: Tensor<2>| inverse.clone().matmul(twice.clone() - matrix.matmul(inverse));
    let half = a.mul_scalar(0.5);
    let constant = half.clone().detach();
    let h = identity.clone() - constant.clone().matmul(constant.clone());
    // The largest eigenvalue is at most 1 + spread; the initial residual, spread / (2 + spread), is squared by each step.
    let spread = norm_1(&constant).powi(2);
    let steps = (f64::from(f32::EPSILON).ln() / (spread / (2.0 + spread)).ln()).log2().ceil().max(0.0) as usize;
    let start = identity.clone().mul_scalar(2.0 / (2.0 + spread));
    let h_inverse = (0..steps).fold(start, |inverse, _| newton(inverse, h.clone()));
    let inverse = (identity.clone() + constant).matmul(h_inverse);
    newton(inverse, identity.clone() - half.clone()).matmul(identity + half)
}
