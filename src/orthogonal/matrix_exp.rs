//! The matrix exponential of a skew-symmetric matrix.

use burn::tensor::{ElementConversion, Tensor};

/// Up to this 1-norm, the Taylor polynomial of degree twelve is exact in f32.
const TAYLOR_NORM: f64 = 1.46;

/// `1 / k!`
const TAYLOR: [f64; 13] = [
    1.0,
    1.0,
    1.0 / 2.0,
    1.0 / 6.0,
    1.0 / 24.0,
    1.0 / 120.0,
    1.0 / 720.0,
    1.0 / 5_040.0,
    1.0 / 40_320.0,
    1.0 / 362_880.0,
    1.0 / 3_628_800.0,
    1.0 / 39_916_800.0,
    1.0 / 479_001_600.0,
];

/// Returns `exp(A)`, computed from the Taylor polynomial of degree twelve at `A / 2ˢ` and s squarings; differentiable.
///
/// s is computed from A's 1-norm, which is read back from the device, as in PyTorch.
///
/// # Shapes
/// - a, output: `[n, n]`
#[must_use]
pub fn matrix_exp(a: Tensor<2>) -> Tensor<2> {
    let squarings = (norm_1(&a) / TAYLOR_NORM).log2().ceil().max(0.0) as i32;
    let identity = Tensor::eye(a.dims()[0], &a.device());
    let a1 = a.mul_scalar(0.5_f64.powi(squarings));
    let a2 = a1.clone().matmul(a1.clone());
    let a3 = a1.clone().matmul(a2.clone());
    let a4 = a2.clone().matmul(a2.clone());
    // The Paterson-Stockmeyer scheme: three polynomials of degree three, combined with powers of A⁴.
    let cubic = |k: usize| {
        identity.clone().mul_scalar(TAYLOR[k])
            + a1.clone().mul_scalar(TAYLOR[k + 1])
            + a2.clone().mul_scalar(TAYLOR[k + 2])
            + a3.clone().mul_scalar(TAYLOR[k + 3])
    };
    let high = cubic(8) + a4.clone().mul_scalar(TAYLOR[12]);
    let middle = cubic(4) + a4.clone().matmul(high);
    let mut exponential = cubic(0) + a4.matmul(middle);
    for _ in 0..squarings {
        exponential = exponential.clone().matmul(exponential);
    }
    exponential
}

/// Returns the 1-norm, the largest column sum of magnitudes.
pub(super) fn norm_1(a: &Tensor<2>) -> f64 {
    a.clone().detach().abs().sum_dim(0).max().into_scalar::<f32>().elem()
}
