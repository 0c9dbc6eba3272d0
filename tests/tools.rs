//! The commands for a language model, on tiny checkpoints: each computes what full runs compute.

mod apply;
mod collect;
mod generate;
mod patch;
mod refusals;
mod sites;
mod smollm2;
mod trace;

use burn::tensor::{Device, Int, Tensor, TensorData};

const BASE: &str = "Ann sat by the sea.";

const SOURCE: &str = "Tom sat by the sea.";

fn tensor(prompts: &[Vec<u32>]) -> Tensor<2, Int> {
    let longest = prompts.iter().map(Vec::len).max().unwrap();
    let ids = prompts.iter().flat_map(|prompt| {
        prompt.iter().map(|token| i64::from(*token)).chain(std::iter::repeat_n(0, longest - prompt.len()))
    });
    Tensor::from_data(TensorData::new(ids.collect(), [prompts.len(), longest]), &Device::flex())
}

fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}
