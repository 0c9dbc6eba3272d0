//! Alignment search: trains an intervention until a frozen network's counterfactual behaviour is a causal model's.

mod batches;
mod cache;
mod candidate;
pub mod evaluate;
pub mod loss;
pub mod network;
mod pairs;
mod partition;
mod plan;
mod schedule;
pub mod search;
mod shelf;
mod since;
mod solved;
mod states;
pub mod step;
mod stopping;
mod storage;
mod target;
mod trainer;

pub use batches::Batches;
pub use cache::Cache;
pub use candidate::{Candidate, rewrite};
pub use pairs::{Alignment, HeldOut};
pub use partition::Partition;
pub use plan::Place;
pub use schedule::Rates;
pub use solved::solved;
pub use states::States;
pub use stopping::{Found, Validated};
pub use storage::{Level, Storage};
pub use target::Target;
pub use trainer::{Stepped, Trainer};
