//! Steering by subtraction.

use burn::module::Module;
use burn::tensor::Tensor;

use super::{Info, InterchangeDim, Intervention, Pyvene, addition};

pub(super) const INFO: Info = Info {
    name: "subtraction",
    label: "subtraction of the source",
    pyvene: Pyvene::new("SubtractionIntervention", InterchangeDim::Columns),
    ..addition::INFO
};

/// `base − source`.
#[derive(Module, Debug)]
pub struct Subtraction {}

impl Intervention for Subtraction {
    fn forward(&self, base: Tensor<3>, source: Tensor<3>) -> Tensor<3> {
        base - source
    }
}

without_parameters!(Subtraction);
