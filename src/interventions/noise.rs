//! Corruption by noise.

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use rand::Rng;

use super::{
    BuiltIn, Info, InitialWeights, InterchangeDim, Intervention, Needs, Paper, Pyvene, RandomStart, Reader, Writer,
};
use crate::error::Error;
use crate::orthogonal::gaussian;

pub(super) const INFO: Info = Info {
    label: "corruption by noise",
    paper: Some(Paper::arxiv("Meng et al. 2022", "2202.05262")),
    needs: Needs::Nothing,
    weights: InitialWeights::Drawn,
    ..Info::new("noise", Pyvene { saved: false, ..Pyvene::new("NoiseIntervention", InterchangeDim::Ignored) })
};

/// pyvene's level: three times the spread of GPT-2 XL's embeddings, as in causal tracing.
const LEVEL: f64 = 0.134_629_815_816_879_27;

/// `base + level · noise`, with noise that is drawn once and the same for each example. It reads no source. (Meng et al.
/// 2022, "Locating and Editing Factual Associations in GPT", arXiv 2202.05262.)
#[derive(Module, Debug)]
pub struct Noise {
    /// `[1, units, width]`, or `[1, 1, width]` for any number of units.
    pub noise: Tensor<3>,
    /// The factor of the noise.
    #[module(skip)]
    pub level: f64,
}

impl Noise {
    /// Fixed noise.
    #[must_use]
    pub const fn new(noise: Tensor<3>, level: f64) -> Self {
        Self { noise, level }
    }

    /// Gaussian noise, drawn on the CPU; at pyvene's level when `level` is `None`.
    #[must_use]
    pub fn gaussian(units: usize, width: usize, level: Option<f64>, rng: &mut impl Rng, device: &Device) -> Self {
        let noise: Vec<f32> = gaussian(units * width, rng).into_iter().map(|x| x as f32).collect();
        Self::new(Tensor::from_data(TensorData::new(noise, [1, units, width]), device), level.unwrap_or(LEVEL))
    }
}

impl Intervention for Noise {
    fn forward(&self, base: Tensor<3>, _source: Tensor<3>) -> Tensor<3> {
        base + self.noise.clone().mul_scalar(self.level)
    }
}

impl BuiltIn for Noise {
    fn draw<R: Rng>(start: &mut RandomStart<'_, R>) -> Result<Self, Error> {
        Ok(Self::gaussian(1, start.width, start.level, start.rng, start.device))
    }

    fn read(tensors: &Reader<'_>) -> Result<Self, Error> {
        Ok(Self::new(tensors.untracked().tensor("noise")?, tensors.scalar("noise_level")?))
    }

    fn write(&self, tensors: &mut Writer) {
        tensors.tensor("noise", self.noise.clone());
        tensors.scalar("noise_level", self.level);
    }

    fn width(&self) -> Option<usize> {
        Some(self.noise.dims()[2])
    }

    fn units(&self) -> Option<usize> {
        Some(self.noise.dims()[1]).filter(|units| *units > 1)
    }
}
