//! Early stopping: which candidate of a search is kept, and when the search ends.

use crate::alignment::{Candidate, Validated};

/// The result of a search.
#[derive(Clone, Debug)]
pub struct SearchResult {
    /// The candidate, off the tape: the best that was validated where a search has a patience, else the last.
    pub candidate: Candidate,
    /// The step after which it was so.
    pub at: usize,
    /// The number of steps that were done.
    pub steps: usize,
    /// Whether the search ran out of patience.
    pub stopped_early: bool,
    /// The candidate's results on the validation pairs, where there are any.
    pub validated: Option<Validated>,
}

/// The candidate that is kept so far.
#[derive(Default)]
pub(super) struct Stopping {
    best: Option<SearchResult>,
    /// Validations since the best one.
    since: usize,
}

impl Stopping {
    /// Records a validation; returns whether the patience has run out. Without a patience the latest candidate is kept.
    pub fn record(
        &mut self,
        candidate: Candidate,
        step: usize,
        validated: Option<Validated>,
        patience: Option<usize>,
    ) -> bool {
        let better = match (patience, self.best.as_ref().and_then(|best| best.validated), validated) {
            (Some(_), Some(best), Some(new)) => new.is_better_than(best),
            (Some(_), Some(_), None) => false,
            _ => true,
        };
        if better {
            self.since = 0;
            self.best = Some(SearchResult { candidate, at: step, steps: step, stopped_early: false, validated });
        } else if validated.is_some() {
            self.since += 1;
        }
        let out_of_patience = patience.is_some_and(|patience| self.since >= patience);
        if let Some(best) = &mut self.best {
            best.steps = step;
            best.stopped_early = out_of_patience;
        }
        out_of_patience
    }

    /// The result.
    ///
    /// # Panics
    /// When no step was recorded.
    pub fn result(self) -> SearchResult {
        self.best.expect("a search has a step")
    }
}
