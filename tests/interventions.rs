//! Interventions: their formulas, gradients, training and tensors.

mod columns;
mod formulas;
mod gradients;
mod groups;
mod kinds;
mod reference;
mod several_sources;
mod temperatures;
mod tensors;
mod training;

use burn::tensor::{DType, Device, Tensor, TensorData};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const BATCH: usize = 3;

const UNITS: usize = 2;

const WIDTH: usize = 8;

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

fn numbers(count: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
    (0..count).map(|_| 2.0 * rng.random::<f32>() - 1.0).collect()
}

fn rows(seed: u64) -> Tensor<3> {
    let values = numbers(BATCH * UNITS * WIDTH, &mut rng(seed));
    Tensor::from_data(TensorData::new(values, [BATCH, UNITS, WIDTH]), &Device::flex())
}

fn values<const D: usize>(tensor: &Tensor<D>) -> Vec<f64> {
    tensor.to_data_dtype(DType::F64).try_to_vec::<f64>().unwrap()
}
