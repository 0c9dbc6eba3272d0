//! Skipping a module.

use burn::module::Module;
use burn::tensor::Tensor;

use super::{Info, InterchangeDim, Intervention, Needs, Pyvene, Weights};

pub(super) const INFO: Info = Info {
    name: "skip",
    label: "skipping of the module",
    paper: None,
    needs: Needs::Input,
    weights: Weights::None,
    trained: None,
    collects: false,
    pyvene: Pyvene::new("SkipIntervention", InterchangeDim::Columns),
};

/// The module's input replaces its output, as if the module were absent.
///
/// Its source is the base run's own row at the module's input, which the caller passes.
#[derive(Module, Debug)]
pub struct Skip {}

impl Intervention for Skip {
    fn forward(&self, _base: Tensor<3>, source: Tensor<3>) -> Tensor<3> {
        source
    }
}

without_parameters!(Skip);
