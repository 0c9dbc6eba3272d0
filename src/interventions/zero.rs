//! Ablation.

use burn::module::Module;
use burn::tensor::Tensor;

use super::{Info, InitialWeights, InterchangeDim, Intervention, Needs, Pyvene};

pub(super) const INFO: Info = Info {
    label: "ablation to zero",
    needs: Needs::Nothing,
    weights: InitialWeights::None,
    ..Info::new("zero", Pyvene { constant: true, ..Pyvene::new("ZeroIntervention", InterchangeDim::Columns) })
};

/// Zeros replace the base's row. It reads no source.
#[derive(Module, Debug)]
pub struct Zero {}

impl Intervention for Zero {
    fn forward(&self, base: Tensor<3>, _source: Tensor<3>) -> Tensor<3> {
        base.zeros_like()
    }
}

without_parameters!(Zero);
