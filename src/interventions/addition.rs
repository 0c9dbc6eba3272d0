//! Steering by addition.

use burn::module::Module;
use burn::tensor::Tensor;

use super::{Info, InterchangeDim, Intervention, Needs, Paper, Pyvene, Weights};

pub(super) const INFO: Info = Info {
    name: "addition",
    label: "addition of the source",
    paper: Some(Paper::arxiv(
        "Turner et al. 2023",
        "Steering Language Models With Activation Engineering",
        "2308.10248",
    )),
    needs: Needs::Source,
    weights: Weights::None,
    trained: None,
    collects: false,
    pyvene: Pyvene::new("AdditionIntervention", InterchangeDim::Columns),
};

/// `base + source`. With a constant source this is activation steering. (Turner et al. 2023, arXiv 2308.10248.)
#[derive(Module, Debug)]
pub struct Addition {}

impl Intervention for Addition {
    fn forward(&self, base: Tensor<3>, source: Tensor<3>) -> Tensor<3> {
        base + source
    }
}

without_parameters!(Addition);
