//! Matrices with orthonormal columns: drawing them, measuring them, and two ways of training them.
//!
//! *On the manifold* ([`StiefelAdam`], the default) the parameter is R itself; *parametrised* ([`Map`]) it is PyTorch's
//! unconstrained X, for those who need to reproduce a run of `torch.nn.utils.parametrizations.orthogonal`. Either way
//! [`Rotation::matrix`] gives R, `[width, rank]`, applied to rows as `x R`, and R is what is saved.
//!
//! Pure linear algebra: nothing here knows of models or of interventions.

mod applied;
mod cayley;
mod host;
mod householder;
mod manifold;
mod matrix_exp;
mod rotation;
mod square;
mod tall;

pub use applied::Applied;
pub use cayley::cayley;
pub use householder::householder;
pub use manifold::StiefelAdam;
pub use matrix_exp::matrix_exp;
pub use rotation::{Manifold, Map, Parametrised, Rotation};

use burn::tensor::{Device, Tensor};
use rand::Rng;

use host::Columns;
pub(crate) use host::gaussian;

/// Draws orthonormal columns, uniformly (by Haar's measure).
///
/// Gaussian columns are orthonormalised on the CPU in f64, so a seed means the same matrix on every device.
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
/// - output: `[width, rank]`, `rank <= width`
#[must_use]
pub fn random(width: usize, rank: usize, rng: &mut impl Rng, device: &Device) -> Tensor<2> {
    assert!((1..=width).contains(&rank), "a rotation of width {width} cannot have {rank} orthonormal columns");
    let mut columns = Columns::gaussian(width, rank, rng);
    columns.orthonormalise(0);
    columns.to_tensor(device)
}

/// The largest |entry| of `RᵀR − I`, in f32 on R's device: cheap enough to watch a training, and true up to the rounding
/// of the product.
///
/// # Shapes
/// - r: `[width, rank]`
#[must_use]
pub fn live_error(r: Tensor<2>) -> f64 {
    let rank = r.dims()[1];
    let identity = Tensor::eye(rank, &r.device());
    f64::from((r.clone().transpose().matmul(r) - identity).abs().max().into_scalar::<f32>())
}

/// The largest |entry| of `RᵀR − I`, computed in f64 on the host, so that the measure itself adds no rounding.
///
/// # Shapes
/// - r: `[width, rank]`
#[must_use]
pub fn error(r: &Tensor<2>) -> f64 {
    Columns::from_tensor(r).error()
}
