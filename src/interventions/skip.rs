//! Skipping a module.

use burn::module::Module;
use burn::tensor::Tensor;

use super::{Info, InitialWeights, InterchangeDim, Intervention, Needs, Pyvene};

pub(super) const INFO: Info = Info {
    label: "skipping of the module",
    needs: Needs::Input,
    weights: InitialWeights::None,
    ..Info::new("skip", Pyvene::new("SkipIntervention", InterchangeDim::Columns))
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
