//! `bench`: the time of a training step, and its lower bound.

use std::path::PathBuf;

use clap::Subcommand;
use serde::Serialize;

use super::console::{Console, to_json};
use crate::bench::{self, Limit, Method, RotationWorkload, StepPart, TimedRotation, TimedStep, Workload};
use crate::device;
use crate::error::Error;
use crate::tap::Component;

#[derive(Subcommand)]
pub enum BenchCommand {
    /// Measures the steps of a search with a filled cache, on random prompts.
    Step(BenchArgs<WorkloadArgs>),
    /// Measures the steps of a rotation alone, on the manifold, on random rows.
    Rotation(BenchArgs<RotationArgs>),
    /// Computes the lower limit of a search's step: the operations and bytes that it needs, at this machine's rates.
    Limit(BenchArgs<WorkloadArgs>),
}

/// A workload, the device that runs it, and the form of the result.
#[derive(clap::Args)]
pub struct BenchArgs<W: clap::Args> {
    #[command(flatten)]
    work: W,
    /// The device: auto, cpu, wgpu:N or cuda:N (without N, the first).
    #[arg(long, default_value = "auto")]
    device: String,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// The flags of benches/peer_das_step.py.
#[derive(clap::Args)]
pub struct WorkloadArgs {
    /// A checkpoint folder.
    #[arg(long)]
    model: PathBuf,
    /// The method: boundless, rotated or lowrank:RANK
    #[arg(long, default_value = "boundless")]
    method: Method,
    #[arg(long, default_value = "block_output")]
    component: Component,
    #[arg(long, default_value_t = 6)]
    layer: usize,
    /// The position that is intervened on, counted from 0.
    #[arg(long, default_value_t = 31)]
    position: usize,
    #[arg(long, default_value_t = 16)]
    batch: usize,
    /// The number of tokens in a prompt.
    #[arg(long, default_value_t = 32)]
    length: usize,
    #[arg(long, default_value_t = 3)]
    warmup: usize,
    #[arg(long, default_value_t = 7)]
    steps: usize,
}

/// The flags of benches/peer_rotation.py.
#[derive(clap::Args)]
pub struct RotationArgs {
    /// The width of the rows.
    #[arg(long, default_value_t = 768)]
    width: usize,
    /// The number of the rotation's columns; the width by default.
    #[arg(long)]
    rank: Option<usize>,
    /// The number of rows in a batch.
    #[arg(long, default_value_t = 16)]
    rows: usize,
    /// The number of steps before the measured ones, in which the rotation leaves its starting point.
    #[arg(long, default_value_t = 5)]
    warmup: usize,
    /// The number of measured steps.
    #[arg(long, default_value_t = 15)]
    steps: usize,
}

impl From<WorkloadArgs> for Workload {
    fn from(args: WorkloadArgs) -> Self {
        let WorkloadArgs { model, method, component, layer, position, batch, length, warmup, steps } = args;
        Self { model, method, component, layer, position, batch, length, warmup, steps }
    }
}

impl From<RotationArgs> for RotationWorkload {
    fn from(RotationArgs { width, rank, rows, warmup, steps }: RotationArgs) -> Self {
        Self { width, rank, rows, warmup, steps }
    }
}

impl BenchCommand {
    pub fn run(self) -> Result<(), Error> {
        let find = |name: &str| device::find(name, &mut Console::default());
        match self {
            Self::Step(BenchArgs { work, device, json }) => {
                print(&bench::step(&work.into(), &find(&device)?)?, json, step_text);
            }
            Self::Rotation(BenchArgs { work, device, json }) => {
                print(&bench::rotation(&work.into(), &find(&device)?)?, json, rotation_text);
            }
            Self::Limit(BenchArgs { work, device, json }) => {
                print(&bench::limit(&work.into(), &find(&device)?)?, json, limit_text);
            }
        }
        Ok(())
    }
}

fn print<T: Serialize>(result: &T, json: bool, text: fn(&T) -> String) {
    println!("{}", if json { to_json(result) } else { text(result) });
}

fn step_text(timed: &TimedStep) -> String {
    format!(
        "a step: {:.1} ms wall, {:.1} ms CPU\nfilling the cache: {:.0} ms, {:.1} MB\npeak memory: {} MB",
        timed.wall_ms,
        timed.cpu_ms,
        timed.fill_ms,
        timed.cache_bytes as f64 / 1e6,
        timed.peak_rss_mb
    )
}

fn rotation_text(timed: &TimedRotation) -> String {
    format!(
        "a step of {} × {}: {:.1} ms wall, {:.1} ms CPU\northogonality error: {:.1e}\npeak memory: {} MB",
        timed.width, timed.rank, timed.wall_ms, timed.cpu_ms, timed.orthogonality_error, timed.peak_rss_mb
    )
}

fn limit_text(limit: &Limit) -> String {
    let line = |name: &str, gflop: f64, mb: f64, ms: f64| format!("{name:<16} {gflop:>7.2} {mb:>7.0} {ms:>7.1}\n");
    let sum = |value: fn(&StepPart) -> f64| limit.parts.iter().map(value).sum::<f64>();
    let mut text = format!("{:<16} {:>7} {:>7} {:>7}\n", "", "GFLOP", "MB", "ms");
    limit.parts.iter().for_each(|part| text += &line(part.name, part.gflop, part.mb, part.ms));
    text += &line("total", sum(|part| part.gflop), sum(|part| part.mb), limit.ms);
    text + &format!(
        "at {:.0} GFLOP/s (a product of large square matrices) and {:.1} GB/s (the sum of a large tensor)",
        limit.gflop_per_s, limit.gb_per_s
    )
}
