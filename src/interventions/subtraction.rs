//! Steering by subtraction.

use burn::module::Module;
use burn::tensor::Tensor;

use super::{Info, InterchangeDim, Intervention, Needs, Paper, Pyvene, Weights};

pub(super) const INFO: Info = Info {
    name: "subtraction",
    label: "subtraction of the source",
    paper: Some(Paper::arxiv(
        "Turner et al. 2023",
        "Steering Language Models With Activation Engineering",
        "2308.10248",
    )),
    needs: Needs::Source,
    weights: Weights::None,
    trained: None,
    collects: false,
    pyvene: Pyvene::new("SubtractionIntervention", InterchangeDim::Columns),
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
