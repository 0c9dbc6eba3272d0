//! `bench step`: the time of a training step with a filled cache, and the time of filling the cache.

use std::time::Instant;

use burn::tensor::Device;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::{Method, Workload};
use crate::alignment::loss::Objective;
use crate::alignment::search::Search;
use crate::alignment::{Batches, Cache, Candidate, LanguageProblem, LocatedPairs, Partition, Rates, Storage, Trainer};
use crate::error::Error;
use crate::interventions::{AnyIntervention, BoundlessRotatedSpace, RotatedSpace, Temperature};
use crate::measure::{cpu_seconds, median, peak_rss_bytes};
use crate::models::{Dtype, LanguageModel, Pretrained};
use crate::orthogonal::{self, Rotation};

/// The measurements, with the keys of `benches/peer_das_step.py` and those of the cache.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the keys are those of the flags and of the peer's output")]
pub struct TimedStep {
    pub system: String,
    #[serde(flatten)]
    pub work: Workload,
    pub threads: usize,
    pub device: String,
    /// Median milliseconds of a measured step.
    pub wall_ms: f64,
    /// Median processor milliseconds of a measured step.
    pub cpu_ms: f64,
    /// The loss of every step.
    pub losses: Vec<f64>,
    pub peak_rss_mb: u64,
    /// Milliseconds of filling the cache, once.
    pub fill_ms: f64,
    pub cache_bytes: usize,
    pub load_ms: f64,
}

/// Times the steps of a search. The first `warmup` steps are not measured.
pub fn step(work: &Workload, device: &Device) -> Result<TimedStep, Error> {
    let started = Instant::now();
    let model = Pretrained::load(&work.model, Dtype::F32, device)?;
    let load_ms = started.elapsed().as_secs_f64() * 1e3;
    let location = work.location();
    location.check(&model)?;
    let (rank, columns) = work.columns(location.width(&model));
    let started = Instant::now();
    let pairs = work.pairs(model.vocab_size());
    let place = LocatedPairs::new(location.clone(), &pairs);
    let cache = Cache::fill(&model, &[place], &Storage::default(), device, &mut |_, _| {})?;
    let fill_ms = started.elapsed().as_secs_f64() * 1e3;

    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let tracked = device.clone().autodiff();
    let rotation = Rotation::manifold(orthogonal::random(location.width(&model), rank, &mut rng, &tracked), &tracked);
    let start: AnyIntervention = match work.method {
        Method::Boundless => BoundlessRotatedSpace::new(rotation, Temperature::ANNEALED, &tracked).into(),
        Method::Rotated | Method::LowRank(_) => RotatedSpace::new(rotation).into(),
    };
    let rates = Rates { rotation: 1e-3, boundary: 1e-2, mask: 1e-3 };
    let config =
        Search { rates, objective: Objective::with_subspace(1.0), ..Search::plain(work.warmup + work.steps, 1e-3) };
    let partition = Partition::new(vec![("label".to_owned(), columns)], rank)?;
    let start = Candidate { interventions: vec![start], partition };
    let steps = config.steps;
    let mut trainer = Trainer::new(vec![start], config);
    let cache_bytes = cache.bytes();
    // Every batch holds all pairs in their order.
    let orders = vec![Batches::new(pairs.len(), pairs.len(), None)];
    let mut problem = LanguageProblem::new(&model, &["label".to_owned()]).with_training(cache, orders);
    let (mut walls, mut cpus, mut losses) = (Vec::new(), Vec::new(), Vec::new());
    for step in 0..steps {
        let (wall, cpu) = (Instant::now(), cpu_seconds());
        let stepped = trainer.step(&mut problem)?;
        // Reading the loss back waits for the device, as the peer's loss.item() does.
        losses.push(f64::from(stepped.losses.into_scalar::<f32>()));
        if step >= work.warmup {
            walls.push(wall.elapsed().as_secs_f64() * 1e3);
            cpus.push((cpu_seconds() - cpu) * 1e3);
        }
    }
    Ok(TimedStep {
        system: format!("intervene {} on burn 0.22.1", env!("CARGO_PKG_VERSION")),
        work: work.clone(),
        threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        device: crate::device::name(device),
        wall_ms: median(walls),
        cpu_ms: median(cpus),
        losses,
        peak_rss_mb: peak_rss_bytes() >> 20,
        fill_ms,
        cache_bytes,
        load_ms,
    })
}
