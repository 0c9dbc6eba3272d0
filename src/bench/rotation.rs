//! `bench rotation`: the time of a training step of a rotation on the manifold, without a model.

use std::time::Instant;

use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::{DType, Device, Tensor, TensorData};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use crate::error::Error;
use crate::interventions::{Intervention, RotatedSpace};
use crate::measure::{cpu_seconds, median, peak_rss_bytes};
use crate::orthogonal::{self, Rotation, StiefelAdam};

/// The flags of `intervene bench rotation` and of `benches/peer_rotation.py`, which `--help` explains.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the fields are the flags of the program")]
pub struct RotationWorkload {
    pub width: usize,
    pub rank: Option<usize>,
    pub rows: usize,
    pub warmup: usize,
    pub steps: usize,
}

/// The measurements, with the keys of `benches/peer_rotation.py`.
#[derive(Clone, Copy, Debug, Serialize)]
#[allow(missing_docs, reason = "the keys are those of the flags and of the peer's output")]
pub struct TimedRotation {
    pub width: usize,
    pub rank: usize,
    pub rows: usize,
    /// Median milliseconds of a measured step.
    pub wall_ms: f64,
    /// Median processor milliseconds of a measured step.
    pub cpu_ms: f64,
    /// `max |RᵀR − I|` after the last step.
    pub orthogonality_error: f64,
    pub peak_rss_mb: u64,
}

/// Times a step: the interchange of the rows' rotated coordinates, its gradient, and the update of R on the manifold of
/// matrices with orthonormal columns. Returns an error if a size is 0 or the rank is larger than the width.
pub fn rotation(work: &RotationWorkload, device: &Device) -> Result<TimedRotation, Error> {
    let (width, rank) = (work.width, work.rank.unwrap_or(work.width));
    if work.rows == 0 || work.steps == 0 || rank == 0 || rank > width {
        let problem = format!("bench rotation: {} rows, {} steps, rank {rank} of width {width}", work.rows, work.steps);
        return Err(Error::Invalid(format!("{problem}: all must be at least 1, and the rank at most the width")));
    }
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let tracked = device.clone().autodiff();
    let mut intervention =
        RotatedSpace::new(Rotation::manifold(orthogonal::random(width, rank, &mut rng, &tracked), &tracked));
    let mut rows = || -> Tensor<3> {
        let drawn = orthogonal::gaussian(work.rows * width, &mut rng);
        Tensor::from_data(TensorData::new(drawn, [work.rows, 1, width]), (&tracked, DType::F32))
    };
    let (base, source, target) = (rows(), rows(), rows());
    let mut optimizer = ModuleOptimizer::from(StiefelAdam::default());
    let (mut walls, mut cpus) = (Vec::new(), Vec::new());
    for step in 0..work.warmup + work.steps {
        let (wall, cpu) = (Instant::now(), cpu_seconds());
        let out = intervention.forward(base.clone(), source.clone());
        let loss = (out - target.clone()).square().mean();
        let gradients = GradientsParams::from_grads(loss.backward(), &intervention);
        intervention = optimizer.step(1e-3, intervention, gradients);
        // Reading a number waits for the device.
        let _: f32 = intervention.rotation.matrix().slice([0..1, 0..1]).into_scalar();
        if step >= work.warmup {
            walls.push(wall.elapsed().as_secs_f64() * 1e3);
            cpus.push((cpu_seconds() - cpu) * 1e3);
        }
    }
    Ok(TimedRotation {
        width,
        rank,
        rows: work.rows,
        wall_ms: median(walls),
        cpu_ms: median(cpus),
        orthogonality_error: orthogonal::error(&intervention.rotation.matrix()),
        peak_rss_mb: peak_rss_bytes() >> 20,
    })
}
