//! A trainable matrix with orthonormal columns.

use std::fmt;
use std::str::FromStr;

use burn::module::{Module, Param, ParamId};
use burn::tensor::{Device, Tensor};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::applied::{self, Applied};
use super::host::Columns;
use super::{cayley, householder, matrix_exp};
use crate::error::{Error, nearest};

/// PyTorch's maps from unconstrained matrices to orthonormal columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Map {
    /// `exp(A)`; PyTorch's choice for square matrices.
    MatrixExp,
    /// `(I − A/2)⁻¹ (I + A/2)`.
    Cayley,
    /// A product of reflections; PyTorch's choice for tall matrices.
    Householder,
}

impl Map {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::MatrixExp, Self::Cayley, Self::Householder];

    /// The name, which is PyTorch's.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MatrixExp => "matrix_exp",
            Self::Cayley => "cayley",
            Self::Householder => "householder",
        }
    }

    /// What PyTorch takes where nothing is said.
    #[must_use]
    pub const fn default_for(width: usize, rank: usize) -> Self {
        if width == rank { Self::MatrixExp } else { Self::Householder }
    }
}

impl fmt::Display for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Map {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|map| map.name() == name).ok_or_else(|| Error::Unknown {
            what: "orthogonal map",
            name: name.to_owned(),
            hint: nearest(name, Self::ALL.map(Self::name)),
        })
    }
}

/// The parameter is R itself; it wants [`super::StiefelAdam`].
#[derive(Module, Debug)]
pub struct Manifold {
    /// `[width, rank]`
    pub stiefel: Param<Tensor<2>>,
}

/// The parameter is an unconstrained X, `R = base · map(X)`; any optimiser will do.
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

/// `tril(X) − tril(X)ᵀ`, of X filled up with zeros to a square.
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

/// The `original` and the `base` at which every map gives R's bits: minus the identity, and R filled up to a square.
fn start(r: Tensor<2>, plain: &Device) -> (Tensor<2>, Tensor<2>) {
    let [width, rank] = r.dims();
    let original = Tensor::<2>::eye(width, plain).slice([0..width, 0..rank]).neg();
    if rank == width {
        return (original, r);
    }
    // Which columns fill it up is of no consequence to R.
    let mut columns = Columns::from_tensor(&r);
    columns.extend_gaussian(&mut ChaCha8Rng::seed_from_u64(0));
    columns.orthonormalise(rank);
    (original, columns.to_tensor(plain))
}

/// A matrix R, `[width, rank]`, whose columns stay orthonormal while it is trained.
///
/// On the manifold its parameter needs [`super::StiefelAdam`]: [`manifold_id`](Self::manifold_id) names it.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "there are a handful of them in a run")]
pub enum Rotation {
    /// The parameter is R itself.
    Manifold(Manifold),
    /// The parameter is mapped to R.
    Parametrised(Parametrised),
}

impl Rotation {
    /// R itself as the parameter, bit for bit.
    ///
    /// # Shapes
    /// - r: `[width, rank]`
    #[must_use]
    pub fn manifold(r: Tensor<2>, device: &Device) -> Self {
        Self::Manifold(Manifold { stiefel: Param::from_data(r.into_data(), device) })
    }

    /// PyTorch's parametrisation, as its `state_dict` holds it.
    ///
    /// # Shapes
    /// - original: `[width, rank]`
    /// - base: `[width, width]`
    #[must_use]
    pub fn parametrised(map: Map, original: Tensor<2>, base: Tensor<2>, device: &Device) -> Self {
        let [width, rank] = original.dims();
        assert!(rank <= width, "a rotation of width {width} cannot have {rank} orthonormal columns");
        assert_eq!(base.dims(), [width, width], "the base of a rotation of width {width} is square");
        Self::Parametrised(Parametrised {
            map,
            original: Param::from_data(original.into_data(), device),
            base: Tensor::from_data(base.into_data(), &device.clone().inner()),
        })
    }

    /// A trainable rotation that starts at R: on the manifold without a map, else parametrised, as when PyTorch is
    /// assigned a weight: R, filled up with orthonormal columns, is the base, and X is minus the identity.
    ///
    /// Either way [`Self::matrix`] gives back R's bits.
    ///
    /// # Shapes
    /// - r: `[width, rank]`
    #[must_use]
    pub fn from_matrix(map: Option<Map>, r: Tensor<2>, device: &Device) -> Self {
        match map {
            None => Self::manifold(r, device),
            Some(map) => {
                let (original, base) = start(r, &device.clone().inner());
                Self::parametrised(map, original, base, device)
            }
        }
    }

    /// R as PyTorch's `original` and `base` under its default map, off the tape.
    ///
    /// # Shapes
    /// - output: `[width, rank]`, `[width, width]`
    #[must_use]
    pub fn to_pytorch(&self) -> (Tensor<2>, Tensor<2>) {
        let [width, rank] = self.dims();
        match self {
            Self::Parametrised(own) if own.map == Map::default_for(width, rank) => {
                let plain = own.base.device().inner();
                (Tensor::from_data(own.original.val().into_data(), &plain), own.base.clone())
            }
            _ => {
                let r = self.matrix();
                let plain = r.device().inner();
                start(Tensor::from_data(r.into_data(), &plain), &plain)
            }
        }
    }

    /// R, for products with so many rows, there and back. On the tape where the parameter is; on the manifold the
    /// parameter's gradient lies in the tangent space.
    #[must_use]
    pub fn applied(&self, rows: usize) -> Applied {
        match self {
            Self::Manifold(manifold) => Applied::manifold(manifold.stiefel.val(), rows),
            Self::Parametrised(parametrised) => Applied::Whole(parametrised.matrix()),
        }
    }

    /// R, on the tape where the parameter is; on the manifold the parameter's gradient lies in the tangent space.
    ///
    /// # Shapes
    /// - output: `[width, rank]`
    #[must_use]
    pub fn matrix(&self) -> Tensor<2> {
        match self {
            Self::Manifold(manifold) => applied::matrix(manifold.stiefel.val()),
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

    /// The map, where there is one.
    #[must_use]
    pub fn map_kind(&self) -> Option<Map> {
        match self {
            Self::Manifold(_) => None,
            Self::Parametrised(parametrised) => Some(parametrised.map),
        }
    }

    /// `[width, rank]`
    #[must_use]
    pub fn dims(&self) -> [usize; 2] {
        match self {
            Self::Manifold(manifold) => manifold.stiefel.val().dims(),
            Self::Parametrised(parametrised) => parametrised.original.val().dims(),
        }
    }
}
