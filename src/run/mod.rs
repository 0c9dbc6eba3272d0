//! A run from beginning to end: what a recipe asks for, and the folder that it leaves.

mod aim;
mod card;
mod config;
mod evaluate;
mod examples;
mod experiment;
mod language;
mod metrics;
mod private;
mod prompts;
mod publish;
mod report;
mod splits;
mod sweep;
mod train;

pub use config::{CONVENTION, Config, ModelIdentity};
pub use evaluate::{Evaluated, evaluate};
pub use publish::{PushOptions, pull, push};
pub use report::report;
pub use sweep::{sweep, sweep_on};
pub use train::{Options, train};

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
