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
pub use folder::{default_folder, write_recipe};
pub use publish::{PushOptions, PushResult, UnsentFile, pull, push};
pub use report::report;
pub use sweep::sweep;
pub use train::train;
