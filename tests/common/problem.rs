//! A problem whose training batches a test draws.

use intervene::Error;
use intervene::alignment::interchange::Batch;
use intervene::alignment::{PairSet, Problem};
use intervene::models::FrozenModel;
use intervene::tasks::Split;

/// Training batches from a closure, which gets the numbers of the candidates; no held-out pairs.
pub struct DrawnBy<'a, F> {
    pub model: &'a dyn FrozenModel,
    pub draw: F,
}

impl<F: FnMut(&[usize]) -> Result<Batch, Error>> Problem for DrawnBy<'_, F> {
    fn model(&self) -> &dyn FrozenModel {
        self.model
    }

    fn variables(&self) -> &[String] {
        &[]
    }

    fn draw(&mut self, candidates: &[usize]) -> Result<Batch, Error> {
        (self.draw)(candidates)
    }

    fn held_out(&self, _split: Split) -> Option<&dyn PairSet> {
        None
    }
}
