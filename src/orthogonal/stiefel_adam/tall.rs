//! The step for matrices with fewer orthonormal columns than rows.

use burn::tensor::Tensor;

/// The longest step before it is mapped back onto the manifold: the largest eigenvalue of `(lr D)ᵀ(lr D)`.
///
/// A step of this length turns a direction by about 27 degrees. Ordinary steps are far shorter; the first steps of a
/// search, whose gradients have a low rank, can be longer.
const LONGEST: f64 = 0.25;

/// `p(x) = 1 + Σ cᵢ xⁱ`, the best approximation of `(1 + x)^(-1/2)` on `[0, LONGEST]`: `|(1 + x) p(x)² − 1| < 6.1e-7`.
const INVERSE_ROOT: [f64; 4] = [-0.499_960_928, 0.373_428_877, -0.292_372_706, 0.165_558_575];

/// Returns the polar factor of `X = R − τ length P(D)`.
///
/// As S = length P(D) is tangent, `XᵀX = I + τ² SᵀS`, and `τ = min(1, LONGEST / ‖(SᵀS)²‖_F^½)^½` keeps `E = XᵀX − I`
/// where a polynomial of degree four approximates `(I + E)^(-1/2)`. E is computed from X itself, so rounding is
/// corrected.
///
/// # Shapes
/// - r, direction, output: `[.., width, rank]`
pub(super) fn advance<const D: usize>(r: Tensor<D>, direction: Tensor<D>, length: f64) -> Tensor<D> {
    let step = tangent(&r, direction).mul_scalar(length);
    let rank = r.dims()[D - 1];
    let identity = Tensor::<2>::eye(rank, &r.device()).unsqueeze::<D>();
    let square = step.clone().transpose().matmul(step.clone());
    // The fourth root of the sum of λ⁴: at least the largest |λ|, and at most rank^¼ times it.
    let largest = square.clone().matmul(square).square().sum_dim(D - 1).sum_dim(D - 2).sqrt().sqrt();
    let tau = largest.recip().mul_scalar(LONGEST).clamp_max(1.0).sqrt(); // [.., 1, 1]
    let x = r - step * tau;
    let e = x.clone().transpose().matmul(x.clone()) - identity.clone();
    let e2 = e.clone().matmul(e.clone());
    let [c1, c2, c3, c4] = INVERSE_ROOT;
    let high = e2.clone().matmul(e.clone().mul_scalar(c3) + e2.clone().mul_scalar(c4));
    let inverse_root = identity + e.mul_scalar(c1) + e2.mul_scalar(c2) + high;
    x.matmul(inverse_root)
}

/// Returns `P(X) = X − R sym(RᵀX)`.
fn tangent<const D: usize>(r: &Tensor<D>, x: Tensor<D>) -> Tensor<D> {
    let along = r.clone().transpose().matmul(x.clone());
    let symmetric = (along.clone() + along.transpose()).mul_scalar(0.5);
    x - r.clone().matmul(symmetric)
}
