//! Alignment search: trains an intervention until a frozen network's counterfactual behaviour is a causal model's.

mod batches;
mod cache;
pub mod evaluate;
pub mod network;
mod pairs;
mod partition;
mod plan;
mod schedule;
pub mod search;
mod shelf;
mod solved;
mod states;
pub mod step;
mod storage;
mod target;

pub use batches::Batches;
pub use cache::Cache;
pub use pairs::{Alignment, HeldOut};
pub use partition::{Partition, Swap};
pub use plan::Place;
pub use schedule::Rates;
pub use solved::solved;
pub use states::States;
pub use storage::{Level, Storage};
pub use target::Target;
