//! A learned mask over the coordinates.

use burn::module::{Module, Param, ParamId};
use burn::tensor::{Device, Tensor, activation};
use rand::Rng;

use super::{
    BuiltIn, Control, Info, InterchangeDim, Intervention, Paper, Pyvene, RandomStart, Rank, RateGroup, Reader,
    Temperature, TrainingInfo, Writer, as_row, blend,
};
use crate::error::Error;

/// pyvene's temperature.
const TEMPERATURE: Temperature = Temperature::constant(0.01);

pub(super) const INFO: Info = Info {
    label: "a mask over neurons (DBM)",
    paper: Some(Paper::arxiv("Davies et al. 2023", "2307.03637")),
    trained: Some(TrainingInfo {
        part: Some(", in some of its neurons"),
        group: Some(RateGroup::Mask),
        ..TrainingInfo::new("A search for a mask", Rank::Full, Control::Fresh)
    }),
    ..Info::new("sigmoid_mask", Pyvene::new("SigmoidMaskIntervention", InterchangeDim::Ignored))
};

/// `(1 − σ(m / T)) ⊙ base + σ(m / T) ⊙ source`: which coordinates of the row are exchanged. (De Cao et al. 2020, arXiv
/// 2004.14992; Davies et al. 2023, "Discovering Variable Binding Circuitry with Desiderata", arXiv 2307.03637.)
#[derive(Module, Debug)]
pub struct SigmoidMask {
    /// m, `[width]`.
    pub mask: Param<Tensor<1>>,
    /// T.
    #[module(skip)]
    pub temperature: Temperature,
}

impl SigmoidMask {
    /// m = 0: each coordinate is half base, half source. (pyvene's temperature is 0.01.)
    #[must_use]
    pub fn new(width: usize, temperature: Temperature, device: &Device) -> Self {
        Self { mask: Param::from_tensor(Tensor::zeros([width], device)), temperature }
    }

    /// `σ(m / T)`, `[1, 1, width]`.
    #[must_use]
    pub fn soft_mask(&self) -> Tensor<3> {
        soft_mask(&self.mask, self.temperature)
    }
}

/// `σ(mask / T)`: `[n]` to `[1, 1, n]`.
pub(super) fn soft_mask(mask: &Param<Tensor<1>>, temperature: Temperature) -> Tensor<3> {
    as_row(activation::sigmoid(mask.val().div_scalar(temperature.now())))
}

impl Intervention for SigmoidMask {
    fn forward(&self, base: Tensor<3>, source: Tensor<3>) -> Tensor<3> {
        blend(base, source, self.soft_mask())
    }

    fn temperature(&self) -> Option<f64> {
        Some(self.temperature.now())
    }

    fn temperature_mut(&mut self) -> Option<&mut Temperature> {
        Some(&mut self.temperature)
    }

    /// The mask's mean: the share of the coordinates that is exchanged.
    fn penalty(&self) -> Option<Tensor<1>> {
        Some(self.soft_mask().mean())
    }

    fn groups(&self) -> Vec<(ParamId, RateGroup)> {
        vec![(self.mask.id, RateGroup::Mask)]
    }
}

impl BuiltIn for SigmoidMask {
    fn draw<R: Rng>(start: &mut RandomStart<'_, R>) -> Result<Self, Error> {
        Ok(Self::new(start.width, TEMPERATURE, start.device))
    }

    fn read(tensors: &Reader<'_>) -> Result<Self, Error> {
        let mask = Param::from_tensor(tensors.tensor("mask")?);
        Ok(Self { mask, temperature: tensors.temperature(TEMPERATURE)? })
    }

    fn write(&self, tensors: &mut Writer) {
        tensors.tensor("mask", self.mask.val());
        tensors.scalar("temperature", self.temperature.now());
    }

    fn width(&self) -> Option<usize> {
        Some(self.mask.val().dims()[0])
    }
}
