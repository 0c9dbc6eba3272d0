//! What runs leave on disk: the files of a run folder, and the checks that they fit a model.

mod metrics;
mod run_folder;

pub use metrics::{Completions, Controls, Disentangled, Interval, Measured, Metrics, Seconds, interval};
pub use run_folder::{CONVENTION, ModelIdentity, RunConfig, TENSORS, mlp_file};
