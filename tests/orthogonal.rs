//! R's columns stay orthonormal, however R is trained, saved and loaded.

mod error;
mod manifold;
mod maps;
mod optimiser;
mod pytorch;
mod random;

use burn::optim::Optimizer;
use burn::tensor::{Device, Tensor, TensorData};
use intervene::orthogonal::StiefelAdam;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

fn uniform<const D: usize>(shape: [usize; D], size: f32, rng: &mut ChaCha8Rng, device: &Device) -> Tensor<D> {
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| size * (2.0 * rng.random::<f32>() - 1.0)).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

fn values<const D: usize>(tensor: &Tensor<D>) -> Vec<f32> {
    tensor.to_data().try_to_vec::<f32>().unwrap()
}

fn distance<const D: usize>(a: &Tensor<D>, b: &Tensor<D>) -> f32 {
    assert_eq!(a.dims(), b.dims());
    values(a).iter().zip(values(b)).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max)
}

/// The matrix after `count` steps of the optimiser at the learning rate `lr`, on gradients computed from the matrix.
fn steps<const D: usize>(
    mut r: Tensor<D>,
    lr: f64,
    count: usize,
    mut gradient: impl FnMut(&Tensor<D>) -> Tensor<D>,
) -> Tensor<D> {
    let optimiser = StiefelAdam::default();
    let mut state = None;
    for _ in 0..count {
        let g = gradient(&r);
        (r, state) = optimiser.step(lr, r, g, state);
    }
    r
}
