//! The interchange intervention.

use burn::module::Module;
use burn::tensor::Tensor;

use super::Intervention;

/// The source's row takes the base's place. (Geiger et al. 2021, "Causal Abstractions of Neural Networks", arXiv
/// 2106.02997; as activation patching: Vig et al. 2020, arXiv 2004.12265.)
#[derive(Module, Debug)]
pub struct Vanilla {}

impl Intervention for Vanilla {
    fn forward(&self, _base: Tensor<3>, source: Tensor<3>) -> Tensor<3> {
        source
    }
}
