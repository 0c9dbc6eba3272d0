//! Ablation.

use burn::module::Module;
use burn::tensor::Tensor;

use super::{Info, InterchangeDim, Intervention, Needs, Pyvene, Weights};

pub(super) const INFO: Info = Info {
    name: "zero",
    label: "ablation to zero",
    paper: None,
    needs: Needs::Nothing,
    weights: Weights::None,
    trained: None,
    collects: false,
    pyvene: Pyvene { constant: true, ..Pyvene::new("ZeroIntervention", InterchangeDim::Columns) },
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
