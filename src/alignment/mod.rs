//! Alignment search: trains an intervention until a frozen network's counterfactual behaviour is a causal model's.

pub mod evaluate;
pub mod network;
mod pairs;
mod partition;
pub mod search;
pub mod step;

pub use pairs::{Alignment, HeldOut};
pub use partition::{Partition, Swap};
