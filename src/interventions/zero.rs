//! Ablation.

use burn::module::Module;
use burn::tensor::Tensor;

use super::Intervention;

/// Zeros take the base's place. It reads no source.
#[derive(Module, Debug)]
pub struct Zero {}

impl Intervention for Zero {
    fn forward(&self, base: Tensor<3>, _source: Tensor<3>) -> Tensor<3> {
        base.zeros_like()
    }
}
