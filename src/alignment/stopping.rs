//! Early stopping: which of what a search has gone through is kept, and when it has gone on long enough.

use super::Candidate;

/// How a candidate does on pairs that it is not trained on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Validated {
    /// Interchange intervention accuracy.
    pub iia: f64,
    /// The mean cross-entropy, without a penalty.
    pub loss: f64,
}

impl Validated {
    /// A higher accuracy, or the same at a lower loss.
    fn is_better_than(self, other: Self) -> bool {
        self.iia > other.iia || (self.iia == other.iia && self.loss < other.loss)
    }
}

/// What came of a candidate.
#[derive(Clone, Debug)]
pub struct Found {
    /// The candidate, off the tape: the best that was seen where a search has a patience, else the last.
    pub candidate: Candidate,
    /// The step after which it was so.
    pub at: usize,
    /// Steps done.
    pub steps: usize,
    /// Did it run out of patience?
    pub stopped_early: bool,
    /// How it does on the validation pairs, where there are any.
    pub validated: Option<Validated>,
}

/// The candidate to keep so far.
#[derive(Default)]
pub(super) struct Watch {
    kept: Option<Found>,
    /// Evaluations since the kept one.
    since: usize,
}

impl Watch {
    /// After a step. Without a patience the latest is kept. Is the patience at its end?
    pub fn see(
        &mut self,
        candidate: Candidate,
        step: usize,
        validated: Option<Validated>,
        patience: Option<usize>,
    ) -> bool {
        let better = match (patience, self.kept.as_ref().and_then(|kept| kept.validated), validated) {
            (Some(_), Some(known), Some(new)) => new.is_better_than(known),
            (Some(_), Some(_), None) => false,
            _ => true,
        };
        let stopped_early = false;
        if better {
            self.since = 0;
            self.kept = Some(Found { candidate, at: step, steps: step, stopped_early, validated });
        } else if validated.is_some() {
            self.since += 1;
        }
        if let Some(kept) = &mut self.kept {
            kept.steps = step;
            kept.stopped_early = patience.is_some_and(|patience| self.since >= patience);
        }
        self.kept.as_ref().is_some_and(|kept| kept.stopped_early)
    }

    /// What is kept.
    ///
    /// # Panics
    /// When nothing was seen.
    pub fn found(self) -> Found {
        self.kept.expect("a search has a step")
    }
}
