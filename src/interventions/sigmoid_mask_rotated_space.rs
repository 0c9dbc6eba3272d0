//! A learned mask over the coordinates of a learned basis.

use burn::module::{Module, Param, ParamId};
use burn::tensor::{Device, Tensor};
use rand::Rng;

use super::{
    BuiltIn, Control, Info, InterchangeDim, Intervention, Pyvene, RandomStart, Rank, RateGroup, Reader, Temperature,
    TrainingInfo, Writer, rotated_edit, sigmoid_mask,
};
use crate::error::Error;
use crate::orthogonal::Rotation;

pub(super) const INFO: Info = Info {
    name: "sigmoid_mask_rotated_space",
    label: "DAS with a mask over the rotation's columns",
    trained: Some(TrainingInfo {
        part: Some(", in some directions"),
        group: Some(RateGroup::Mask),
        ..TrainingInfo::new("A search for a mask", Rank::Full, Control::Rotation)
    }),
    pyvene: Pyvene::new("SigmoidMaskRotatedSpaceIntervention", InterchangeDim::Ignored),
    ..sigmoid_mask::INFO
};

/// `base + ((source − base) R ⊙ σ(m / T)) Rᵀ`: Boundless DAS with a learned mask for each column.
///
/// While all mask values are equal, as at the start, the output does not depend on R: R has a gradient only once the
/// mask values differ.
#[derive(Module, Debug)]
pub struct SigmoidMaskRotatedSpace {
    /// R, `[width, width]`.
    pub rotation: Rotation,
    /// m, `[width]`.
    pub mask: Param<Tensor<1>>,
    /// T.
    #[module(skip)]
    pub temperature: Temperature,
}

impl SigmoidMaskRotatedSpace {
    /// m = 100, pyvene's start: a mask of 0.88 at a temperature of 50.
    #[must_use]
    pub fn new(rotation: Rotation, temperature: Temperature, device: &Device) -> Self {
        let mask = Tensor::full([rotation.dims()[1]], 100.0, device);
        Self { rotation, mask: Param::from_tensor(mask), temperature }
    }

    /// `σ(m / T)`, `[1, 1, rank]`.
    #[must_use]
    pub fn soft_mask(&self) -> Tensor<3> {
        sigmoid_mask::soft_mask(&self.mask, self.temperature)
    }
}

impl Intervention for SigmoidMaskRotatedSpace {
    fn forward(&self, base: Tensor<3>, source: Tensor<3>) -> Tensor<3> {
        rotated_edit(&self.rotation, base, source, self.soft_mask())
    }

    fn forward_masked(&self, base: Tensor<3>, source: Tensor<3>, mask: Tensor<3>) -> Tensor<3> {
        rotated_edit(&self.rotation, base, source, self.soft_mask() * mask)
    }

    fn space(&self, _width: usize) -> usize {
        self.rotation.dims()[1]
    }

    fn temperature(&self) -> Option<f64> {
        Some(self.temperature.now())
    }

    fn temperature_mut(&mut self) -> Option<&mut Temperature> {
        Some(&mut self.temperature)
    }

    /// The mask's mean: the share of the columns that is exchanged.
    fn penalty(&self) -> Option<Tensor<1>> {
        Some(self.soft_mask().mean())
    }

    fn rotation(&self) -> Option<&Rotation> {
        Some(&self.rotation)
    }

    fn groups(&self) -> Vec<(ParamId, RateGroup)> {
        vec![(self.mask.id, RateGroup::Mask)]
    }
}

impl BuiltIn for SigmoidMaskRotatedSpace {
    fn draw<R: Rng>(start: &mut RandomStart<'_, R>) -> Result<Self, Error> {
        Ok(Self::new(start.full_rotation()?, Temperature::ANNEALED, start.device))
    }

    fn read(tensors: &Reader<'_>) -> Result<Self, Error> {
        let rotation = tensors.rotation()?;
        let mask = tensors.param("masks", [rotation.dims()[1]])?;
        Ok(Self { rotation, mask, temperature: tensors.temperature(Temperature::ANNEALED)? })
    }

    fn write(&self, tensors: &mut Writer) {
        tensors.tensor("masks", self.mask.val());
        tensors.scalar("temperature", self.temperature.now());
    }
}
