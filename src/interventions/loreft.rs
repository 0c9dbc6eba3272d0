//! Low-rank linear subspace representation fine-tuning.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use rand::{Rng, RngExt};

use super::{
    BuiltIn, Control, Info, InterchangeDim, Intervention, Needs, Paper, Pyvene, RandomStart, Rank, Reader,
    TrainingInfo, Writer, as_row, edit_in, times,
};
use crate::error::Error;
use crate::orthogonal::Rotation;

pub(super) const INFO: Info = Info {
    label: "LoReFT (representation fine-tuning)",
    paper: Some(Paper::arxiv("Wu et al. 2024", "2404.03592")),
    needs: Needs::Nothing,
    trained: Some(TrainingInfo::new("LoReFT, representation fine-tuning", Rank::Chosen, Control::Fresh)),
    ..Info::new("loreft", Pyvene::new("LoreftIntervention", InterchangeDim::Ignored))
};

/// `base + (base W + b − base R) Rᵀ`: LoReFT. It reads no source: the new content of the
/// subspace is computed from the row itself.
///
/// (Wu et al. 2024, "ReFT: Representation Finetuning for Language Models", arXiv 2404.03592, with row vectors: its W is
/// this one transposed, and its R too.)
#[derive(Module, Debug)]
pub struct Loreft {
    /// R, `[width, rank]`, columns orthonormal.
    pub rotation: Rotation,
    /// W, `[width, rank]`.
    pub weight: Param<Tensor<2>>,
    /// b, `[rank]`.
    pub bias: Param<Tensor<1>>,
}

impl Loreft {
    /// At PyTorch's start of a linear layer: W and b uniform within `±1/√width`.
    pub fn new(rotation: Rotation, rng: &mut impl Rng, device: &Device) -> Self {
        let [width, rank] = rotation.dims();
        let most = 1.0 / (width as f32).sqrt();
        let mut draw = |count: usize| (0..count).map(|_| rng.random_range(-most..most)).collect::<Vec<f32>>();
        let (weight, bias) = (draw(width * rank), draw(rank));
        Self {
            rotation,
            weight: Param::from_data(TensorData::new(weight, [width, rank]), device),
            bias: Param::from_data(TensorData::new(bias, [rank]), device),
        }
    }
}

impl Intervention for Loreft {
    fn forward(&self, base: Tensor<3>, _source: Tensor<3>) -> Tensor<3> {
        let aim = times(base.clone(), self.weight.val()) + as_row(self.bias.val());
        edit_in(&self.rotation, base.clone(), base, |rotated| aim - rotated)
    }

    fn forward_masked(&self, base: Tensor<3>, _source: Tensor<3>, mask: Tensor<3>) -> Tensor<3> {
        let aim = times(base.clone(), self.weight.val()) + as_row(self.bias.val());
        edit_in(&self.rotation, base.clone(), base, |rotated| (aim - rotated) * mask)
    }

    fn space(&self, _width: usize) -> usize {
        self.rotation.dims()[1]
    }

    fn rotation(&self) -> Option<&Rotation> {
        Some(&self.rotation)
    }
}

impl BuiltIn for Loreft {
    fn draw<R: Rng>(start: &mut RandomStart<'_, R>) -> Result<Self, Error> {
        Ok(Self::new(start.rotation(), start.rng, start.device))
    }

    fn read(tensors: &Reader<'_>) -> Result<Self, Error> {
        let rotation = tensors.rotation()?;
        let [width, rank] = rotation.dims();
        let weight = tensors.linear("learned_source.weight", [width, rank])?;
        Ok(Self { rotation, weight, bias: tensors.param("learned_source.bias", [rank])? })
    }

    fn write(&self, tensors: &mut Writer) {
        tensors.tensor("learned_source.weight", self.weight.val().transpose());
        tensors.tensor("learned_source.bias", self.bias.val());
    }
}
