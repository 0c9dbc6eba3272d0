//! Benchmarks of a training step on language models, with the workload of `benches/peer_das_step.py`.

mod limit;
mod step;
mod workload;

pub use limit::{Limit, Part, limit};
pub use step::{Timed, step};
pub use workload::{Method, Workload};
