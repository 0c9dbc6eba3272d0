//! Benchmarks of a training step on language models, with the workload of `benches/peer_das_step.py`, and of a rotation's
//! alone; and the devices that there are.

mod devices;
mod limit;
mod rotation;
mod self_test;
mod step;
mod workload;

pub use devices::{Examined, devices};
pub use limit::{Limit, Part, limit};
pub use rotation::{RotationWorkload, TimedRotation, rotation};
pub use self_test::{SelfTest, TOLERANCE};
pub use step::{Timed, step};
pub use workload::{Method, Workload};
