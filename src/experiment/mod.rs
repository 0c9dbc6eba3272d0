//! A recipe carried out from beginning to end, and the folder that it leaves.

mod evaluate;
mod examples;
mod feature;
mod folder;
mod hypothesis;
mod judge;
mod language;
mod network;
mod publish;
mod report;
mod session;
mod splits;
mod sweep;
mod train;

pub use evaluate::{EvaluateOptions, Evaluated, evaluate};
pub use folder::{default_folder, write_recipe};
use hypothesis::Hypothesis;
pub use publish::{PushOptions, PushResult, UnsentFile, pull, push};
pub use report::report;
use session::Session;
pub use sweep::sweep;
pub use train::train;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// What makes a search smaller on a device.
const LOWER: &str = "training.batch (training.accumulate makes up for it), fewer cells of a sweep at once, cache.level = \"host\", \
                     model.dtype = \"bf16\"";

/// What random numbers are drawn for. Each use has a stream of its own, so that a change in one (more steps, say)
/// changes nothing in the others.
#[derive(Clone, Copy)]
enum Stream {
    Network,
    Examples,
    Rotation,
    Pairs,
    HeldOut,
    Order,
    RandomRotations,
    UntrainedNetwork,
    UntrainedPairs,
    TaskAccuracy,
    Validation,
}

fn rng(seed: u64, stream: Stream) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream as u64);
    rng
}
