//! What the frozen language model computes of the pairs, computed once: states, keys and values, and sources' rows.

mod located_pairs;
mod pairs;
mod plan;
mod recorded_run;
mod run_states;
mod shelf;
mod states;
mod storage;
mod stored;

pub use located_pairs::LocatedPairs;
pub use pairs::Cache;
pub use recorded_run::{RecordedRun, TailStart};
pub use states::States;
pub use storage::{Level, Storage};
