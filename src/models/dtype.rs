//! The floating-point types of models.

use crate::error::named;
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
    const ALL: [Self; 4] = [Self::Keep, Self::F32, Self::BF16, Self::F16];

    const fn name(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::F32 => "f32",
            Self::BF16 => "bf16",
            Self::F16 => "f16",
        }
    }
}

named!(Dtype, "dtype");
serde_as_text!(Dtype);
