//! The choice between training on the manifold and under one of PyTorch's maps.

use std::fmt;
use std::str::FromStr;

use super::Map;
use crate::error::{Error, nearest};
use crate::text::serde_as_text;

/// How a rotation is trained: `manifold`, or the name of one of PyTorch's maps.
///
/// ```
/// use intervene::orthogonal::{Map, Parametrisation};
///
/// assert_eq!("manifold".parse::<Parametrisation>()?.map(), None);
/// assert_eq!("cayley".parse::<Parametrisation>()?.map(), Some(Map::Cayley));
/// # Ok::<(), intervene::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Parametrisation {
    /// The parameter is R itself, trained with [`StiefelAdam`](super::StiefelAdam).
    #[default]
    Manifold,
    /// The parameter is PyTorch's X, `exp(A)`.
    MatrixExp,
    /// The parameter is PyTorch's X, `(I − A/2)⁻¹ (I + A/2)`.
    Cayley,
    /// The parameter is PyTorch's X, a product of reflections.
    Householder,
}

impl Parametrisation {
    /// Every choice.
    pub const ALL: [Self; 4] = [Self::Manifold, Self::MatrixExp, Self::Cayley, Self::Householder];

    /// Returns PyTorch's map; `None` on the manifold.
    #[must_use]
    pub const fn map(self) -> Option<Map> {
        match self {
            Self::Manifold => None,
            Self::MatrixExp => Some(Map::MatrixExp),
            Self::Cayley => Some(Map::Cayley),
            Self::Householder => Some(Map::Householder),
        }
    }

    /// Returns the name in recipes and run folders.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.map().map_or("manifold", Map::name)
    }
}

impl From<Option<Map>> for Parametrisation {
    fn from(map: Option<Map>) -> Self {
        match map {
            None => Self::Manifold,
            Some(Map::MatrixExp) => Self::MatrixExp,
            Some(Map::Cayley) => Self::Cayley,
            Some(Map::Householder) => Self::Householder,
        }
    }
}

impl fmt::Display for Parametrisation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Parametrisation {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|known| known.name() == name).ok_or_else(|| Error::Unknown {
            what: "orthogonal map",
            name: name.to_owned(),
            hint: nearest(name, Self::ALL.map(Self::name)),
        })
    }
}

serde_as_text!(Parametrisation);
