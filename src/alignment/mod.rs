//! Alignment search: trains an intervention until a frozen network's counterfactual behaviour is a causal model's.

mod cache;
mod candidate;
pub mod evaluate;
pub mod feature;
pub mod interchange;
pub mod language;
mod location;
pub mod loss;
mod padded;
mod partition;
mod problem;
mod scores;
pub mod search;
mod solved;

pub use cache::{Cache, Level, LocatedPairs, RecordedRun, States, Storage, TailStart};
pub use candidate::{Candidate, Rewrite};
pub use language::LanguageProblem;
pub use location::Location;
pub(crate) use padded::padded;
pub use partition::Partition;
pub use problem::{PairSet, Problem};
pub use scores::{Score, Scores, Validated};
pub use search::{Batches, Rates, SearchResult, Trainer};
pub use solved::solved;
