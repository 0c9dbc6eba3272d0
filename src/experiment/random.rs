//! Random streams: each use of random numbers has a stream of its own, so that a change in one (more steps, for example)
//! changes nothing in the others.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

#[derive(Clone, Copy)]
pub enum RandomStream {
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

pub fn rng(seed: u64, stream: RandomStream) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream as u64);
    rng
}
