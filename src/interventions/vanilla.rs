//! The interchange intervention.

use burn::module::Module;
use burn::tensor::Tensor;

use super::{Info, InitialWeights, InterchangeDim, Intervention, Paper, Pyvene};

pub(super) const INFO: Info = Info {
    label: "interchange of whole rows",
    paper: Some(Paper::arxiv("Geiger et al. 2021", "2106.02997")),
    weights: InitialWeights::None,
    ..Info::new("vanilla", Pyvene::new("VanillaIntervention", InterchangeDim::Columns))
};

/// The source's row replaces the base's. (Geiger et al. 2021, "Causal Abstractions of Neural Networks", arXiv
/// 2106.02997; as activation patching: Vig et al. 2020, arXiv 2004.12265.)
#[derive(Module, Debug)]
pub struct Vanilla {}

impl Intervention for Vanilla {
    fn forward(&self, _base: Tensor<3>, source: Tensor<3>) -> Tensor<3> {
        source
    }
}

without_parameters!(Vanilla);
