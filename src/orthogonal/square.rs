//! Steps among square orthogonal matrices: the tangent space at R is `R S` with S skew.

use burn::tensor::Tensor;

/// How far one step may go: the square of the largest singular value of the step, an angle of some 41 degrees.
const LONGEST: f64 = 0.5;

/// `q(x) = 1 + x + Σ cᵢ xⁱ⁺²`: on the imaginary axis, where a skew matrix has its eigenvalues, `|q|` is one:
/// `| |q(iθ)|² − 1 | < 2.8e-7` for `θ² ≤ LONGEST`, exactly one at 0, and q's angle there is θ within one per cent.
const TO_ORTHOGONAL: [f64; 3] = [0.500_005_592, 0.147_017_005, 0.022_082_078];

/// Every so many steps what rounding has done to R is measured and undone.
const CORRECTED_EVERY: usize = 8;

/// `R q(−length S)` with `R S = P(D)`, so `S = (RᵀD − DᵀR) / 2`; the `time`-th step.
///
/// `τ = min(1, LONGEST / ‖S²‖_∞)^½` keeps every eigenvalue of `length τ S` where q is accurate. Every eighth
/// step takes half of `RᵀR − I` away as well, one Newton-Schulz iteration on an error that is no more than rounding.
///
/// # Shapes
/// - r, direction, output: `[.., width, width]`
pub(super) fn advance<const D: usize>(r: Tensor<D>, direction: Tensor<D>, length: f64, time: usize) -> Tensor<D> {
    let along = r.clone().transpose().matmul(direction);
    let s = (along.clone() - along.transpose()).mul_scalar(-0.5 * length);
    let s2 = s.clone().matmul(s.clone());
    // S² is symmetric: no eigenvalue is larger than the largest sum of a row's sizes.
    let largest = s2.clone().abs().sum_dim(D - 1).max_dim(D - 2); // [.., 1, 1]
    let tau2 = largest.recip().mul_scalar(LONGEST).clamp_max(1.0);
    let (s, s2) = (s * tau2.clone().sqrt(), s2 * tau2);
    let [c2, c3, c4] = TO_ORTHOGONAL;
    let high = s2.clone().matmul(s.clone().mul_scalar(c3) + s2.clone().mul_scalar(c4));
    let mut turn = s + s2.mul_scalar(c2) + high; // q(S) − I
    if time % CORRECTED_EVERY == 1 {
        let identity = Tensor::<2>::eye(r.dims()[D - 1], &r.device()).unsqueeze::<D>();
        let error = r.clone().transpose().matmul(r.clone()) - identity;
        turn = turn - error.mul_scalar(0.5);
    }
    r.clone() + r.matmul(turn)
}
