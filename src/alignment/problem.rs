//! What a search and its evaluation run on.

use super::interchange::Batch;
use crate::error::Error;
use crate::models::FrozenModel;
use crate::tasks::Split;

/// A frozen model, the variables that are aligned with it, and pairs to train and to evaluate on.
///
/// Tasks that draw fresh inputs and tasks on stored pairs both implement it; search, validation, evaluation with its
/// controls and sweeps are written once against it.
pub trait Problem {
    /// The frozen model.
    fn model(&self) -> &dyn FrozenModel;

    /// The names of the variables that pairs swap, by number.
    fn variables(&self) -> &[String];

    /// The next training batch: pairs for each of the candidates of these numbers, one candidate's after the other's and
    /// as many of each.
    fn draw(&mut self, candidates: &[usize]) -> Result<Batch, Error>;

    /// The pairs of a split that is not trained on, where there is one.
    fn held_out(&self, split: Split) -> Option<&dyn PairSet>;

    /// The bytes that stored results of the frozen model take; `None` where none are stored.
    fn cache_bytes(&self) -> Option<usize> {
        None
    }
}

/// Pairs of one split, referred to by number.
pub trait PairSet {
    /// The number of pairs.
    fn len(&self) -> usize;

    /// Whether there is no pair.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many pairs an evaluation runs at once.
    fn at_once(&self) -> usize;

    /// The pairs of these numbers as a batch; a number may occur several times.
    fn batch(&self, pairs: &[usize]) -> Result<Batch, Error>;

    /// The variables that a pair swaps, by number.
    fn swapped(&self, pair: usize) -> Vec<usize>;

    /// Whether the label of a pair is the base's own answer, so that the interchange must not change it.
    fn keeps_answer(&self, _pair: usize) -> bool {
        false
    }

    /// For each pair the first with the same result: under any intervention, or under one that reads no source.
    fn first_alike(&self, _base_only: bool) -> Vec<usize> {
        (0..self.len()).collect()
    }
}
