//! The step for square orthogonal matrices: the tangent space at R is `R S` with S skew-symmetric.

use burn::tensor::Tensor;

/// The longest step: the square of its largest singular value, which is an angle of about 41 degrees.
const LONGEST: f64 = 0.5;

/// `q(x) = 1 + x + Σ cᵢ xⁱ⁺²`. On the imaginary axis, where the eigenvalues of a skew matrix lie, `|q|` is one:
/// `| |q(iθ)|² − 1 | < 2.8e-7` for `θ² ≤ LONGEST`, exactly one at 0, and q's angle is θ within one per cent.
const TO_ORTHOGONAL: [f64; 3] = [0.500_005_592, 0.147_017_005, 0.022_082_078];

/// The number of steps between two corrections of R's rounding error.
const CORRECTED_EVERY: usize = 8;

/// Returns `R q(−length S)` with `R S = P(D)`, so `S = (RᵀD − DᵀR) / 2`; this is step number `time`.
///
/// `τ = min(1, LONGEST / ‖S²‖_∞)^½` keeps every eigenvalue of `length τ S` in the range where q is accurate. Every
/// eighth step also subtracts half of `RᵀR − I`: one Newton-Schulz iteration, for an error that is only rounding.
///
/// # Shapes
/// - r, direction, output: `[.., width, width]`
pub(super) fn advance<const D: usize>(r: Tensor<D>, direction: Tensor<D>, length: f64, time: usize) -> Tensor<D> {
    let along = r.clone().transpose().matmul(direction);
    let s = (along.clone() - along.transpose()).mul_scalar(-0.5 * length);
    let s2 = s.clone().matmul(s.clone());
    // S² is symmetric: no eigenvalue is larger than the largest row sum of magnitudes.
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
