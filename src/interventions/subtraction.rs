//! Steering by subtraction.

use burn::module::Module;
use burn::tensor::Tensor;

use super::Intervention;

/// `base − source`.
#[derive(Module, Debug)]
pub struct Subtraction {}

impl Intervention for Subtraction {
    fn forward(&self, base: Tensor<3>, source: Tensor<3>) -> Tensor<3> {
        base - source
    }
}
