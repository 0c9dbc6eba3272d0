//! Steering by addition.

use burn::module::Module;
use burn::tensor::Tensor;

use super::Intervention;

/// `base + source`. With a constant source this is activation steering. (Turner et al. 2023, arXiv 2308.10248.)
#[derive(Module, Debug)]
pub struct Addition {}

impl Intervention for Addition {
    fn forward(&self, base: Tensor<3>, source: Tensor<3>) -> Tensor<3> {
        base + source
    }
}
