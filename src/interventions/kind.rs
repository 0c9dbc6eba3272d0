//! The names of the interventions.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, nearest};

/// What an intervention reads besides the base's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Needs {
    /// A source's row, or a constant.
    Source,
    /// The base run's own row at the input of the module whose output it replaces.
    Input,
    /// Nothing.
    Nothing,
}

/// Which intervention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "each is documented where it is defined")]
pub enum Kind {
    Vanilla,
    Zero,
    Collect,
    Addition,
    Subtraction,
    Noise,
    Skip,
    RotatedSpace,
    LowRankRotatedSpace,
    BoundlessRotatedSpace,
    SigmoidMask,
    SigmoidMaskRotatedSpace,
    Loreft,
    PcaRotatedSpace,
    JumpReluAutoencoder,
    Autoencoder,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Vanilla,
        Self::Zero,
        Self::Collect,
        Self::Addition,
        Self::Subtraction,
        Self::Noise,
        Self::Skip,
        Self::RotatedSpace,
        Self::LowRankRotatedSpace,
        Self::BoundlessRotatedSpace,
        Self::SigmoidMask,
        Self::SigmoidMaskRotatedSpace,
        Self::Loreft,
        Self::PcaRotatedSpace,
        Self::JumpReluAutoencoder,
        Self::Autoencoder,
    ];

    /// The name in recipes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vanilla => "vanilla",
            Self::Zero => "zero",
            Self::Collect => "collect",
            Self::Addition => "addition",
            Self::Subtraction => "subtraction",
            Self::Noise => "noise",
            Self::Skip => "skip",
            Self::RotatedSpace => "rotated_space",
            Self::LowRankRotatedSpace => "low_rank_rotated_space",
            Self::BoundlessRotatedSpace => "boundless_rotated_space",
            Self::SigmoidMask => "sigmoid_mask",
            Self::SigmoidMaskRotatedSpace => "sigmoid_mask_rotated_space",
            Self::Loreft => "loreft",
            Self::PcaRotatedSpace => "pca_rotated_space",
            Self::JumpReluAutoencoder => "jump_relu_autoencoder",
            Self::Autoencoder => "autoencoder",
        }
    }

    /// The name of pyvene's class; of LoReFT, pyreft's.
    #[must_use]
    pub const fn pyvene(self) -> &'static str {
        match self {
            Self::Vanilla => "VanillaIntervention",
            Self::Zero => "ZeroIntervention",
            Self::Collect => "CollectIntervention",
            Self::Addition => "AdditionIntervention",
            Self::Subtraction => "SubtractionIntervention",
            Self::Noise => "NoiseIntervention",
            Self::Skip => "SkipIntervention",
            Self::RotatedSpace => "RotatedSpaceIntervention",
            Self::LowRankRotatedSpace => "LowRankRotatedSpaceIntervention",
            Self::BoundlessRotatedSpace => "BoundlessRotatedSpaceIntervention",
            Self::SigmoidMask => "SigmoidMaskIntervention",
            Self::SigmoidMaskRotatedSpace => "SigmoidMaskRotatedSpaceIntervention",
            Self::Loreft => "LoreftIntervention",
            Self::PcaRotatedSpace => "PCARotatedSpaceIntervention",
            Self::JumpReluAutoencoder => "JumpReLUAutoencoderIntervention",
            Self::Autoencoder => "AutoencoderIntervention",
        }
    }

    /// What it reads besides the base's row.
    #[must_use]
    pub const fn needs(self) -> Needs {
        match self {
            Self::Zero | Self::Collect | Self::Noise | Self::Loreft => Needs::Nothing,
            Self::Skip => Needs::Input,
            _ => Needs::Source,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Takes pyvene's class names too.
impl FromStr for Kind {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|kind| kind.name() == name || kind.pyvene() == name).ok_or_else(|| Error::Unknown {
            what: "intervention",
            name: name.to_owned(),
            hint: nearest(name, Self::ALL.map(Self::name)),
        })
    }
}
