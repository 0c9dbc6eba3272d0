//! Boundless distributed alignment search.

use burn::module::{Module, Param, ParamId};
use burn::tensor::{Device, Int, Tensor, TensorData, activation};
use rand::Rng;

use super::{
    BuiltIn, Control, Info, InterchangeDim, Intervention, Paper, Pyvene, RandomStart, Rank, RateGroup, Reader,
    RotatedSpace, Temperature, TrainingInfo, Writer, as_row, rotated_edit,
};
use crate::error::Error;
use crate::orthogonal::Rotation;

pub(super) const INFO: Info = Info {
    label: "Boundless DAS",
    paper: Some(Paper::arxiv("Wu et al. 2023", "2305.08809")),
    trained: Some(TrainingInfo {
        part: Some(", in as many directions as it takes"),
        group: Some(RateGroup::Boundary),
        ..TrainingInfo::new("Boundless distributed alignment search", Rank::Learned, Control::Rotation)
    }),
    ..Info::new("boundless_rotated_space", Pyvene::new("BoundlessRotatedSpaceIntervention", InterchangeDim::Ignored))
};

/// The smallest share of the columns.
const LEAST: f64 = 1e-3;

/// `base + ((source − base) R ⊙ m) Rᵀ`, with a learned number of columns.
///
/// `mᵢ = σ(i / T) σ((β width − i) / T)`, with i counting the columns from 0 and the boundary β, the share of the columns
/// that is exchanged, kept in `[0.001, 1]`. At a low temperature T the mask is one for the first ⌈β width⌉ columns
/// (one half for the very first) and zero for the rest. (Wu et al. 2023, "Interpretability at Scale: Identifying Causal
/// Mechanisms in Alpaca", arXiv 2305.08809.)
///
/// The boundary has a learning rate of its own, that of [`RateGroup::Boundary`].
#[derive(Module, Debug)]
pub struct BoundlessRotatedSpace {
    /// R, `[width, width]`.
    pub rotation: Rotation,
    /// β, `[1]`.
    pub boundary: Param<Tensor<1>>,
    /// T.
    #[module(skip)]
    pub temperature: Temperature,
}

impl BoundlessRotatedSpace {
    /// β = 0.5: half of the columns, at the start of the schedule.
    #[must_use]
    pub fn new(rotation: Rotation, temperature: Temperature, device: &Device) -> Self {
        Self { rotation, boundary: Param::from_data([0.5_f32], device), temperature }
    }

    /// The soft mask over R's columns.
    ///
    /// # Shapes
    /// - output: `[1, 1, rank]`
    #[must_use]
    pub fn mask(&self) -> Tensor<3> {
        let rank = self.rotation.dims()[1];
        let boundary = self.boundary.val();
        let t = self.temperature.now();
        let index = Tensor::<1, Int>::arange(0..rank as i64, &boundary.device()).float();
        let lower = activation::sigmoid(index.clone().div_scalar(t));
        let end = boundary.clamp(LEAST, 1.0).mul_scalar(rank as f64); // [1]
        as_row(lower * activation::sigmoid((end - index).div_scalar(t)))
    }

    /// The number of columns that a hard mask exchanges, ⌈β width⌉. Reads β back from the device.
    #[must_use]
    pub fn hard_rank(&self) -> usize {
        let rank = self.rotation.dims()[1];
        // In f32, as in the mask.
        let end = self.boundary.val().into_scalar::<f32>().clamp(LEAST as f32, 1.0) * rank as f32;
        end.ceil() as usize
    }

    /// The intervention with a hard mask: R's first ⌈β width⌉ columns.
    #[must_use]
    pub fn harden(&self, device: &Device) -> RotatedSpace {
        let r = self.rotation.matrix();
        let width = r.dims()[0];
        RotatedSpace::new(Rotation::manifold(r.slice([0..width, 0..self.hard_rank()]), device))
    }
}

impl Intervention for BoundlessRotatedSpace {
    fn forward(&self, base: Tensor<3>, source: Tensor<3>) -> Tensor<3> {
        rotated_edit(&self.rotation, base, source, self.mask())
    }

    fn forward_masked(&self, base: Tensor<3>, source: Tensor<3>, mask: Tensor<3>) -> Tensor<3> {
        rotated_edit(&self.rotation, base, source, self.mask() * mask)
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

    /// β.
    fn penalty(&self) -> Option<Tensor<1>> {
        Some(self.boundary.val().sum())
    }

    fn rotation(&self) -> Option<&Rotation> {
        Some(&self.rotation)
    }

    fn groups(&self) -> Vec<(ParamId, RateGroup)> {
        vec![(self.boundary.id, RateGroup::Boundary)]
    }
}

impl BuiltIn for BoundlessRotatedSpace {
    fn draw<R: Rng>(start: &mut RandomStart<'_, R>) -> Result<Self, Error> {
        Ok(Self::new(start.full_rotation()?, Temperature::ANNEALED, start.device))
    }

    fn read(tensors: &Reader<'_>) -> Result<Self, Error> {
        Ok(Self {
            rotation: tensors.rotation()?,
            boundary: tensors.param("intervention_boundaries", [1])?,
            temperature: tensors.temperature(Temperature::ANNEALED)?,
        })
    }

    fn write(&self, tensors: &mut Writer) {
        tensors.tensor("intervention_boundaries", self.boundary.val());
        tensors.scalar("temperature", self.temperature.now());
    }

    fn write_buffers(&self, tensors: &mut Writer) {
        let [width, _] = self.rotation.dims();
        let population = TensorData::new((0..width as i64).collect::<Vec<_>>(), [width]);
        tensors.0.insert("intervention_population".to_owned(), population);
    }

    fn hard_rank(&self) -> Option<usize> {
        Some(Self::hard_rank(self))
    }

    fn harden(&self, device: &Device) -> Option<RotatedSpace> {
        Some(Self::harden(self, device))
    }
}
