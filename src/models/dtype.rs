//! The floating-point types of models.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, nearest};
use crate::text::serde_as_text;

/// The floating-point type of a model's weights and activations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dtype {
    /// The type that the checkpoint is stored in.
    Keep,
    /// 32 bits.
    #[default]
    F32,
    /// bfloat16.
    BF16,
    /// IEEE half precision.
    F16,
}

impl Dtype {
    const ALL: [(&'static str, Self); 4] =
        [("keep", Self::Keep), ("f32", Self::F32), ("bf16", Self::BF16), ("f16", Self::F16)];
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, _) = Self::ALL.into_iter().find(|(_, dtype)| dtype == self).expect("every dtype has a name");
        f.pad(name)
    }
}

impl FromStr for Dtype {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let known = Self::ALL.into_iter().find(|(known, _)| *known == name);
        known.map(|(_, dtype)| dtype).ok_or_else(|| Error::Unknown {
            what: "dtype",
            name: name.to_owned(),
            hint: nearest(name, Self::ALL.map(|(known, _)| known)),
        })
    }
}

serde_as_text!(Dtype);
