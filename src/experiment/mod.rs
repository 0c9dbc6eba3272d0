//! A recipe carried out from beginning to end, and the folder that it leaves.

mod evaluate;
mod examples;
mod feature;
mod folder;
mod hypothesis;
mod judge;
mod language;
mod network;
mod open;
mod publish;
mod random;
mod report;
mod session;
mod splits;
mod sweep;
mod train;

pub use evaluate::{EvaluateOptions, Evaluated, evaluate};
pub use publish::{PushOptions, pull, push};
pub use report::report;
pub use sweep::{sweep, sweep_on};
pub use train::train;
