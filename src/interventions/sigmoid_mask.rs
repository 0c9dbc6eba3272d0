//! A learned mask over the coordinates.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, activation};

use super::{Intervention, Temperature, as_row, blend};

/// `(1 − σ(m / T)) ⊙ base + σ(m / T) ⊙ source`: which coordinates of the row are exchanged. (De Cao et al. 2020, arXiv
/// 2004.14992; Davies et al. 2023, arXiv 2307.03637.)
#[derive(Module, Debug)]
pub struct SigmoidMask {
    /// m, `[width]`.
    pub mask: Param<Tensor<1>>,
    /// T.
    #[module(skip)]
    pub temperature: Temperature,
}

impl SigmoidMask {
    /// Half of everything: m = 0. (pyvene's temperature is 0.01.)
    #[must_use]
    pub fn new(width: usize, temperature: Temperature, device: &Device) -> Self {
        Self { mask: Param::from_tensor(Tensor::zeros([width], device)), temperature }
    }

    /// `σ(m / T)`
    ///
    /// # Shapes
    /// - output: `[1, 1, width]`
    #[must_use]
    pub fn soft_mask(&self) -> Tensor<3> {
        as_row(activation::sigmoid(self.mask.val().div_scalar(self.temperature.now())))
    }
}

impl Intervention for SigmoidMask {
    fn forward(&self, base: Tensor<3>, source: Tensor<3>) -> Tensor<3> {
        blend(base, source, self.soft_mask())
    }

    fn anneal(&mut self, progress: f64) {
        self.temperature.anneal(progress);
    }

    /// The mask's mean: the share of the coordinates that is exchanged.
    fn penalty(&self) -> Option<Tensor<1>> {
        Some(self.soft_mask().mean())
    }
}
