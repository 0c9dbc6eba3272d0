//! Matrices with orthonormal columns: random matrices, the orthogonality error, and two ways of training.
//!
//! *On the manifold* ([`StiefelAdam`], the default) the parameter is R itself. *Parametrised* ([`Map`]) the parameter
//! is PyTorch's unconstrained X, which reproduces a run of `torch.nn.utils.parametrizations.orthogonal`. In both cases
//! [`Rotation::matrix`] returns R, `[width, rank]`, which is applied to rows as `x R` and is what is saved.
//!
//! This module is linear algebra only: it does not depend on models or interventions.

mod cayley;
mod gram_schmidt;
mod householder;
mod matrix_exp;
mod parametrisation;
mod projected;
mod rotation;
mod stiefel_adam;

pub use cayley::cayley;
pub use householder::householder;
pub use matrix_exp::matrix_exp;
pub use parametrisation::Parametrisation;
pub use projected::ProjectedRotation;
pub use rotation::{Manifold, Map, Parametrised, Rotation};
pub use stiefel_adam::StiefelAdam;

use burn::tensor::{Device, Tensor};
use rand::Rng;

use gram_schmidt::Columns;
pub(crate) use gram_schmidt::gaussian;

/// Draws a matrix with orthonormal columns from the uniform (Haar) distribution.
///
/// Gaussian columns are orthonormalised on the CPU in f64, so a seed gives the same matrix on every device.
///
/// ```
/// use burn::tensor::Device;
/// use intervene::orthogonal;
/// use rand::SeedableRng;
///
/// let r = orthogonal::random(8, 3, &mut rand_chacha::ChaCha8Rng::seed_from_u64(0), &Device::flex());
/// assert_eq!(r.dims(), [8, 3]);
/// assert!(orthogonal::error(&r) < 1e-6);
/// ```
///
/// # Shapes
/// - output: `[width, rank]`, `rank <= width`; panics otherwise
#[must_use]
pub fn random(width: usize, rank: usize, rng: &mut impl Rng, device: &Device) -> Tensor<2> {
    assert!((1..=width).contains(&rank), "a rotation of width {width} cannot have {rank} orthonormal columns");
    let mut columns = Columns::gaussian(width, rank, rng);
    columns.orthonormalise(0);
    columns.to_tensor(device)
}

/// Returns the largest |entry| of `RᵀR − I`, in f32 on R's device: cheap enough for monitoring during training, and
/// exact up to the rounding of the product.
///
/// # Shapes
/// - r: `[width, rank]`
#[must_use]
pub fn live_error(r: Tensor<2>) -> f64 {
    let rank = r.dims()[1];
    let identity = Tensor::eye(rank, &r.device());
    f64::from((r.clone().transpose().matmul(r) - identity).abs().max().into_scalar::<f32>())
}

/// Returns the largest |entry| of `RᵀR − I`, computed in f64 on the host, so that the computation adds no f32 rounding.
///
/// # Shapes
/// - r: `[width, rank]`
#[must_use]
pub fn error(r: &Tensor<2>) -> f64 {
    Columns::from_tensor(r).error()
}
