//! Cayley's map of a skew-symmetric matrix.

use burn::tensor::Tensor;

use super::matrix_exp::norm_1;

/// `(I − A/2)⁻¹ (I + A/2)` of a skew-symmetric A, differentiable.
///
/// With `B = I − A/2` and `H = B (I + A/2) = I + AᵀA/4`, all of which commute, `B⁻¹ = (I + A/2) H⁻¹`. H is positive with
/// eigenvalues in `[1, 1 + ‖A‖₁²/4]`, so Newton's iteration `Y ← Y (2I − H Y)` converges to its inverse from
/// `Y = 2 I / (2 + ‖A‖₁²/4)`, and how many iterations it takes is known. That much is off the tape. One more step,
/// `M ← M (2I − B M)`, on the tape, has exactly the derivative of the inverse, `M (dA/2) M`, and removes its rounding.
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
    // The largest eigenvalue is at most 1 + spread; the start's residual is spread / (2 + spread), and each step squares it.
    let spread = norm_1(&constant).powi(2);
    let steps = (f64::from(f32::EPSILON).ln() / (spread / (2.0 + spread)).ln()).log2().ceil().max(0.0) as usize;
    let start = identity.clone().mul_scalar(2.0 / (2.0 + spread));
    let h_inverse = (0..steps).fold(start, |inverse, _| newton(inverse, h.clone()));
    let inverse = (identity.clone() + constant).matmul(h_inverse);
    newton(inverse, identity.clone() - half.clone()).matmul(identity + half)
}
