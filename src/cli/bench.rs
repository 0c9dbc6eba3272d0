//! `bench`: the time of a training step, and its lower bound.

use std::path::PathBuf;

use clap::Subcommand;

use super::console::Console;
use crate::bench::{self, Method, RotationWorkload, Workload};
use crate::device;
use crate::error::Error;
use crate::tap::Component;

#[derive(Subcommand)]
pub enum BenchCommand {
    /// Times the steps of a search with a filled cache, on random prompts.
    Step(BenchArgs<WorkloadArgs>),
    /// Times the steps of a rotation alone, on the manifold, on random rows.
    Rotation(BenchArgs<RotationArgs>),
    /// Counts what a search's step cannot do without, and what that takes on this machine.
    Limit(BenchArgs<WorkloadArgs>),
}

/// A workload, the device that runs it, and the form of the result.
#[derive(clap::Args)]
pub struct BenchArgs<W: clap::Args> {
    #[command(flatten)]
    work: W,
    /// auto, cpu, wgpu:N or cuda:N (without N, the first).
    #[arg(long, default_value = "auto")]
    device: String,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// The flags of benches/peer_das_step.py.
#[derive(clap::Args)]
pub struct WorkloadArgs {
    /// A checkpoint folder.
    #[arg(long)]
    model: PathBuf,
    /// boundless, rotated or lowrank:RANK
    #[arg(long, default_value = "boundless")]
    method: Method,
    #[arg(long, default_value = "block_output")]
    component: Component,
    #[arg(long, default_value_t = 6)]
    layer: usize,
    /// Counted from 0.
    #[arg(long, default_value_t = 31)]
    position: usize,
    #[arg(long, default_value_t = 16)]
    batch: usize,
    /// Tokens in a prompt.
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
        let text = match self {
            Self::Step(BenchArgs { work, device, json }) => {
                let timed = bench::step(&work.into(), &find(&device)?)?;
                if json { timed.json() } else { timed.text() }
            }
            Self::Rotation(BenchArgs { work, device, json }) => {
                let timed = bench::rotation(&work.into(), &find(&device)?)?;
                if json { timed.json() } else { timed.text() }
            }
            Self::Limit(BenchArgs { work, device, json }) => {
                let limit = bench::limit(&work.into(), &find(&device)?)?;
                if json { limit.json() } else { limit.text() }
            }
        };
        println!("{text}");
        Ok(())
    }
}
