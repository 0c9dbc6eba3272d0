//! Benchmarks of a training step on a language model, with the workload of `benches/peer_das_step.py`, and of a step of a
//! rotation without a model; and tests of the machine's devices.

mod devices;
mod limit;
mod rotation;
mod self_test;
mod step;
mod workload;

pub use devices::{DeviceReport, devices};
pub use limit::{Limit, StepPart, limit};
pub use rotation::{RotationWorkload, TimedRotation, rotation};
pub use self_test::{SelfTest, TOLERANCE};
pub use step::{TimedStep, step};
pub use workload::{Method, Workload};
