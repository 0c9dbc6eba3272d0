//! A trainable matrix with orthonormal columns.

use burn::module::{Module, Param, ParamId};
use burn::tensor::{Device, Tensor};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::gram_schmidt::Columns;
use super::projected::{self, ProjectedRotation};
use super::{cayley, householder, matrix_exp};
use crate::error::named;

/// PyTorch's maps from unconstrained matrices to orthonormal columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Map {
    /// `exp(A)`; PyTorch's default for square matrices.
    MatrixExp,
    /// `(I − A/2)⁻¹ (I + A/2)`.
    Cayley,
    /// A product of reflections; PyTorch's default for tall matrices.
    Householder,
}

impl Map {
    /// All maps.
    pub const ALL: [Self; 3] = [Self::MatrixExp, Self::Cayley, Self::Householder];

    /// Returns PyTorch's name of the map.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MatrixExp => "matrix_exp",
            Self::Cayley => "cayley",
            Self::Householder => "householder",
        }
    }

    /// Returns PyTorch's default for a `[width, rank]` matrix.
    #[must_use]
    pub const fn default_for(width: usize, rank: usize) -> Self {
        if width == rank { Self::MatrixExp } else { Self::Householder }
    }
}

named!(Map, "orthogonal map");

/// A rotation whose parameter is R itself; it must be trained with [`super::StiefelAdam`].
#[derive(Module, Debug)]
pub struct Manifold {
    /// R, `[width, rank]`.
    pub stiefel: Param<Tensor<2>>,
}

/// A rotation whose parameter is an unconstrained X: `R = base · map(X)`. Any optimiser can train it.
#[derive(Module, Debug)]
pub struct Parametrised {
    #[module(skip)]
    map: Map,
    /// X, `[width, rank]`.
    pub original: Param<Tensor<2>>,
    /// A constant, `[width, width]`.
    pub base: Tensor<2>,
}

impl Parametrised {
    fn matrix(&self) -> Tensor<2> {
        let x = self.original.val();
        let [width, rank] = x.dims();
        let columns = match self.map {
            Map::Householder => {
                let diagonal = Tensor::<2>::eye(width, &x.device()).slice([0..width, 0..rank]);
                let signs = (x.clone().detach() * diagonal).sum_dim(0).sign(); // [1, rank]
                householder(x) * signs
            }
            Map::MatrixExp => matrix_exp(skew(x)).slice([0..width, 0..rank]),
            Map::Cayley => cayley(skew(x)).slice([0..width, 0..rank]),
        };
        self.base.clone().matmul(columns)
    }
}

/// Returns `tril(X) − tril(X)ᵀ`, `[width, width]`, with X padded with zero columns to a square.
fn skew(x: Tensor<2>) -> Tensor<2> {
    let [width, rank] = x.dims();
    let x = x.tril(0);
    let x = if rank == width {
        x
    } else {
        let zeros = Tensor::zeros([width, width - rank], &x.device());
        Tensor::cat(vec![x, zeros], 1)
    };
    x.clone() - x.transpose()
}

/// Returns the `original` and the `base` for which every map gives R, bit for bit: minus the identity, and R completed
/// to a square matrix. `device` must be without autodiff.
fn initial_parameters(r: Tensor<2>, device: &Device) -> (Tensor<2>, Tensor<2>) {
    let [width, rank] = r.dims();
    let original = Tensor::<2>::eye(width, device).slice([0..width, 0..rank]).neg();
    if rank == width {
        return (original, r);
    }
    // R does not depend on the columns that are added.
    let mut columns = Columns::from_tensor(&r);
    columns.extend_gaussian(&mut ChaCha8Rng::seed_from_u64(0));
    columns.orthonormalise(rank);
    (original, columns.to_tensor(device))
}

/// A matrix R, `[width, rank]`, whose columns stay orthonormal while it is trained.
///
/// On the manifold its parameter needs [`super::StiefelAdam`]: [`manifold_id`](Self::manifold_id) names it.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "a run has only a few of them")]
pub enum Rotation {
    /// The parameter is R itself.
    Manifold(Manifold),
    /// The parameter is mapped to R.
    Parametrised(Parametrised),
}

impl Rotation {
    /// Creates a rotation whose parameter is R itself, bit for bit.
    ///
    /// # Shapes
    /// - r: `[width, rank]`
    #[must_use]
    pub fn manifold(r: Tensor<2>, device: &Device) -> Self {
        Self::Manifold(Manifold { stiefel: Param::from_data(r.into_data(), device) })
    }

    /// Creates PyTorch's parametrisation from the tensors of its `state_dict`. Panics if a shape is wrong.
    ///
    /// # Shapes
    /// - original: `[width, rank]`, `rank <= width`
    /// - base: `[width, width]`
    #[must_use]
    pub fn parametrised(map: Map, original: Tensor<2>, base: Tensor<2>, device: &Device) -> Self {
        let [width, rank] = original.dims();
        assert!(rank <= width, "a rotation of width {width} cannot have {rank} orthonormal columns");
        assert_eq!(base.dims(), [width, width], "the base of a rotation of width {width} must be square");
        Self::Parametrised(Parametrised {
            map,
            original: Param::from_data(original.into_data(), device),
            base: Tensor::from_data(base.into_data(), &device.clone().inner()),
        })
    }

    /// Creates a trainable rotation that starts at R: on the manifold if `map` is `None`, else parametrised as when a
    /// weight is assigned in PyTorch: R, completed with orthonormal columns, is the base, and X is minus the identity.
    ///
    /// In both cases [`Self::matrix`] returns R, bit for bit.
    ///
    /// # Shapes
    /// - r: `[width, rank]`
    #[must_use]
    pub fn from_matrix(map: Option<Map>, r: Tensor<2>, device: &Device) -> Self {
        match map {
            None => Self::manifold(r, device),
            Some(map) => {
                let (original, base) = initial_parameters(r, &device.clone().inner());
                Self::parametrised(map, original, base, device)
            }
        }
    }

    /// Returns R as PyTorch's `original` and `base` under its default map, without autodiff.
    ///
    /// # Shapes
    /// - output: `[width, rank]`, `[width, width]`
    #[must_use]
    pub fn to_pytorch(&self) -> (Tensor<2>, Tensor<2>) {
        let [width, rank] = self.dims();
        match self {
            Self::Parametrised(parametrised) if parametrised.map == Map::default_for(width, rank) => {
                let device = parametrised.base.device().inner();
                (Tensor::from_data(parametrised.original.val().into_data(), &device), parametrised.base.clone())
            }
            _ => {
                let r = self.matrix();
                let device = r.device().inner();
                initial_parameters(Tensor::from_data(r.into_data(), &device), &device)
            }
        }
    }

    /// Returns R for products with `rows` rows, tracked if the parameter is. On the manifold, the parameter's gradient
    /// lies in the tangent space.
    #[must_use]
    pub fn projected(&self, rows: usize) -> ProjectedRotation {
        match self {
            Self::Manifold(manifold) => ProjectedRotation::from_manifold(manifold.stiefel.val(), rows),
            Self::Parametrised(parametrised) => ProjectedRotation::Whole(parametrised.matrix()),
        }
    }

    /// Returns R, tracked if the parameter is. On the manifold, the parameter's gradient lies in the tangent space.
    ///
    /// # Shapes
    /// - output: `[width, rank]`
    #[must_use]
    pub fn matrix(&self) -> Tensor<2> {
        match self {
            Self::Manifold(manifold) => projected::matrix(manifold.stiefel.val()),
            Self::Parametrised(parametrised) => parametrised.matrix(),
        }
    }

    /// The id of the parameter that is R itself, which [`super::StiefelAdam`] keeps orthonormal; `None` behind a map.
    #[must_use]
    pub fn manifold_id(&self) -> Option<ParamId> {
        match self {
            Self::Manifold(manifold) => Some(manifold.stiefel.id),
            Self::Parametrised(_) => None,
        }
    }

    /// Returns the map; `None` on the manifold.
    #[must_use]
    pub fn map_kind(&self) -> Option<Map> {
        match self {
            Self::Manifold(_) => None,
            Self::Parametrised(parametrised) => Some(parametrised.map),
        }
    }

    /// Returns R's shape, `[width, rank]`.
    #[must_use]
    pub fn dims(&self) -> [usize; 2] {
        match self {
            Self::Manifold(manifold) => manifold.stiefel.val().dims(),
            Self::Parametrised(parametrised) => parametrised.original.val().dims(),
        }
    }
}
