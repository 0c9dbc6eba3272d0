//! Steering by addition.

use burn::module::Module;
use burn::tensor::Tensor;

use super::{Info, InitialWeights, InterchangeDim, Intervention, Paper, Pyvene};

pub(super) const INFO: Info = Info {
    label: "addition of the source",
    paper: Some(Paper::arxiv("Turner et al. 2023", "2308.10248")),
    weights: InitialWeights::None,
    ..Info::new("addition", Pyvene::new("AdditionIntervention", InterchangeDim::Columns))
};

/// `base + source`. With a constant source this is activation steering. (Turner et al. 2023, "Steering Language Models
/// With Activation Engineering", arXiv 2308.10248.)
#[derive(Module, Debug)]
pub struct Addition {}

impl Intervention for Addition {
    fn forward(&self, base: Tensor<3>, source: Tensor<3>) -> Tensor<3> {
        base + source
    }
}

without_parameters!(Addition);
