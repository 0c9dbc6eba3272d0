//! Benchmarks of a training step on language models, with the workload of `benches/peer_das_step.py`.

mod step;
mod workload;

pub use step::{Timed, step};
pub use workload::{Method, Workload};
