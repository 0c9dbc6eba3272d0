//! Alignment search: trains an intervention until a frozen network's counterfactual behaviour is a causal model's.

mod cache;
pub mod evaluate;
pub mod network;
mod pairs;
mod partition;
mod schedule;
pub mod search;
pub mod step;
mod target;

pub use cache::Cache;
pub use pairs::{Alignment, HeldOut};
pub use partition::{Partition, Swap};
pub use schedule::Rates;
pub use target::Target;
