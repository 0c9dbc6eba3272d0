//! Alignment search: trains an intervention until a frozen network's counterfactual behaviour is a causal model's.

mod batches;
mod cache;
pub mod evaluate;
mod fill;
pub mod network;
mod pairs;
mod partition;
mod schedule;
pub mod search;
mod solved;
pub mod step;
mod target;

pub use batches::Batches;
pub use cache::Cache;
pub use pairs::{Alignment, HeldOut};
pub use partition::{Partition, Swap};
pub use schedule::Rates;
pub use solved::solved;
pub use target::Target;
