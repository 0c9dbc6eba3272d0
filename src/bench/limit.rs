//! `bench limit`: a lower bound of the time of a training step on this machine.

use std::time::Instant;

use burn::tensor::{Device, Distribution, Tensor};
use serde::Serialize;

use super::Workload;
use crate::alignment::interchange::first_layer;
use crate::error::Error;
use crate::models::{Dtype, LanguageModel, Pretrained};

const F32: f64 = 4.0;

/// A part of the step: its operations, its memory traffic, and the longer of the times that the two need.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the names are self-explanatory")]
pub struct StepPart {
    pub name: &'static str,
    pub gflop: f64,
    pub mb: f64,
    pub ms: f64,
}

/// The lower bound of a step's time, part by part, and the rates from which it is computed.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the names are self-explanatory")]
pub struct Limit {
    pub model: String,
    pub method: String,
    pub layer: usize,
    pub position: usize,
    pub batch: usize,
    pub length: usize,
    /// The rate of a product of two large square matrices.
    pub gflop_per_s: f64,
    /// The memory rate of the sum of a large tensor.
    pub gb_per_s: f64,
    pub parts: Vec<StepPart>,
    pub ms: f64,
}

/// Counts the operations and bytes of a step with a filled cache, and measures the rates of this machine.
///
/// The count has only what every implementation needs: the layers from the site on, on the tokens from the position on (the
/// last layer only where the loss reads), forward, and backward with respect to their inputs; the head where the loss
/// reads; the rows' products with R; four products of `width · rank²` that keep R's columns orthonormal. The time of a part
/// is the longer of its operations' and its bytes' times. Norms, activations, the loss and Adam's moments are not counted.
pub fn limit(work: &Workload, device: &Device) -> Result<Limit, Error> {
    let model = Pretrained::load(&work.model, Dtype::F32, device)?;
    let location = work.location();
    location.check(&model)?;
    let sizes = *model.dimensions();
    let (queries, keys) = (sizes.n_heads * sizes.head_dim, sizes.n_kv_heads * sizes.head_dim);
    let layer = (sizes.d_model * 2 * (queries + keys) + sizes.mlp_matrices * sizes.d_model * sizes.d_mlp) as f64;
    let layers = (sizes.n_layers - first_layer(location.site)) as f64;
    let tail = (work.length - work.position) as f64;
    let (batch, length) = (work.batch as f64, work.length as f64);
    // The number of rows in each layer, summed over the layers.
    let rows = batch * (tail * (layers - 1.0).max(0.0) + layers.min(1.0));
    // The attention scores and the weighted sums of values: two products forward, and one backward for each of them.
    let attention = 4.0 * rows * (length - (tail - 1.0) / 2.0) * queries as f64;
    let memory = layers * batch * length * 2.0 * keys as f64;
    let head = (sizes.vocab_size * sizes.d_model) as f64;
    let width = location.width(&model);
    let (rank, columns) = work.columns(width);
    let (width, rank) = (width as f64, rank as f64);

    let gflop_per_s = product_rate(device);
    let gb_per_s = memory_rate(device);
    let part = |name, flops: f64, numbers: f64| {
        let (gflop, mb) = (flops * 1e-9, numbers * F32 * 1e-6);
        StepPart { name, gflop, mb, ms: (gflop / gflop_per_s * 1e3).max(mb / gb_per_s) }
    };
    let parts = vec![
        part("layers, forward", 2.0 * rows * layer + attention, layers * layer + memory),
        part("layers, backward", 2.0 * rows * layer + attention, layers * layer + memory),
        part("head, forward", 2.0 * batch * head, head),
        part("head, backward", 2.0 * batch * head, head),
        // The difference of the rows times R and the product with Rᵀ; the gradient of the latter's input; both of R's.
        part("rows with R", 10.0 * batch * width * columns.len() as f64, 5.0 * width * columns.len() as f64),
        // R, its gradient and two moments are read; all but the gradient are written.
        part("the manifold", 8.0 * width * rank * rank, 7.0 * width * rank),
    ];
    Ok(Limit {
        model: work.model.display().to_string(),
        method: work.method.to_string(),
        layer: work.layer,
        position: work.position,
        batch: work.batch,
        length: work.length,
        gflop_per_s,
        gb_per_s,
        ms: parts.iter().map(|part| part.ms).sum(),
        parts,
    })
}

/// The shortest time of eight runs, in seconds. Each run ends when its result has been read.
fn shortest(mut run: impl FnMut() -> Tensor<1>) -> f64 {
    let time = |_| {
        let started = Instant::now();
        let _ = run().into_scalar::<f32>();
        started.elapsed().as_secs_f64()
    };
    (0..8).map(time).fold(f64::INFINITY, f64::min)
}

/// GFLOP/s of a matrix product. The matrices grow until a product takes 0.02 s, because starting a short one takes most of
/// its time on a fast device.
pub(super) fn product_rate(device: &Device) -> f64 {
    let mut n = 384;
    loop {
        let x = Tensor::<2>::random([n, n], Distribution::Uniform(-1.0, 1.0), device);
        let seconds = shortest(|| x.clone().matmul(x.clone()).slice([0..1, 0..1]).reshape([1]));
        if seconds > 0.02 || n >= 6144 {
            return 2.0 * (n as f64).powi(3) / seconds * 1e-9;
        }
        n *= 2;
    }
}

/// GB/s of the sum of a large tensor.
fn memory_rate(device: &Device) -> f64 {
    let n = 1 << 26;
    let x = Tensor::<1>::ones([n], device);
    n as f64 * F32 / shortest(|| x.clone().sum()) * 1e-9
}
