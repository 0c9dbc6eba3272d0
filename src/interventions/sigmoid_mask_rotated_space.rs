//! A learned mask over the coordinates of a learned basis.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, activation};

use super::{Intervention, Temperature, as_row, rotated_edit};
use crate::orthogonal::Rotation;

/// `base + ((source − base) R ⊙ σ(m / T)) Rᵀ`: Boundless DAS with a mask of its own for each column.
///
/// While the mask is even, as at the start, the output does not depend on R: the mask's gradients have to part first.
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
    /// With m = 100, as pyvene has it: nearly everything at a temperature of 50.
    #[must_use]
    pub fn new(rotation: Rotation, temperature: Temperature, device: &Device) -> Self {
        let mask = Tensor::full([rotation.dims()[1]], 100.0, device);
        Self { rotation, mask: Param::from_tensor(mask), temperature }
    }

    /// `σ(m / T)`
    ///
    /// # Shapes
    /// - output: `[1, 1, rank]`
    #[must_use]
    pub fn soft_mask(&self) -> Tensor<3> {
        as_row(activation::sigmoid(self.mask.val().div_scalar(self.temperature.now())))
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

    fn anneal(&mut self, progress: f64) {
        self.temperature.anneal(progress);
    }

    /// The mask's mean: the share of the columns that is exchanged.
    fn penalty(&self) -> Option<Tensor<1>> {
        Some(self.soft_mask().mean())
    }
}
