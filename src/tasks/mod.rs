//! Tasks: causal models, the data that they label, and how a network is shown them. No tensor in here.

pub mod causal_model;
pub mod counterfactual;
pub mod hierarchical_equality;
mod task;

pub use causal_model::{CausalModel, Setting, Variable};
pub use counterfactual::Counterfactual;
pub use task::{Examples, FeatureTask, Pairs, Task};
