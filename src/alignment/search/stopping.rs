//! Early stopping: which candidate of a search is kept, and when the search ends.

use crate::alignment::{Candidate, Validated};
use crate::interventions::AnyIntervention;

/// The result of a search.
#[derive(Clone, Debug)]
pub struct SearchResult<I = AnyIntervention> {
    /// The candidate, off the tape: the best that was validated where a search has a patience, else the last.
    pub candidate: Candidate<I>,
    /// The step after which it was so.
    pub at: usize,
    /// The number of steps that were done.
    pub steps: usize,
    /// Whether the search ran out of patience.
    pub stopped_early: bool,
    /// The candidate's results on the validation pairs, where there are any.
    pub validated: Option<Validated>,
}

pub(super) struct Stopping<I> {
    best: Option<SearchResult<I>>,
    since: usize,
}

impl<I> Default for Stopping<I> {
    fn default() -> Self {
        Self { best: None, since: 0 }
    }
}

impl<I> Stopping<I> {
    /// Records a validation; returns whether the patience has run out. Without a patience the latest candidate is kept.
    pub fn record(
        &mut self,
        candidate: Candidate<I>,
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
    pub fn result(self) -> SearchResult<I> {
        self.best.expect("a search has a step")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alignment::Partition;

    /// A candidate that is told from others by its partition.
    fn candidate(number: usize) -> Candidate {
        let partition = Partition::new(vec![("variable".to_owned(), 0..number)], number).unwrap();
        Candidate { interventions: Vec::new(), partition }
    }

    /// Records validations after steps 2, 4, 6, ..; returns the result, and the number of its candidate.
    fn recorded(script: &[(f64, f64)], patience: Option<usize>) -> (SearchResult, usize) {
        let mut stopping = Stopping::default();
        for (at, (iia, loss)) in script.iter().enumerate() {
            let validated = Some(Validated { iia: *iia, loss: *loss });
            let stops = stopping.record(candidate(at + 1), 2 * (at + 1), validated, patience);
            assert!(!stops || at + 1 == script.len(), "it stopped after {}", at + 1);
        }
        let result = stopping.result();
        let number = result.candidate.partition.parts()[0].1.end;
        (result, number)
    }

    #[test]
    fn out_of_patience_the_best_candidate_is_kept() {
        // At the second the accuracy is the same at a lower loss; the third and the fourth are no improvement.
        let (result, number) = recorded(&[(0.5, 1.0), (0.5, 0.9), (0.25, 0.1), (0.5, 0.9)], Some(2));
        assert_eq!((number, result.at, result.steps, result.stopped_early), (2, 4, 8, true));
        assert_eq!(result.validated, Some(Validated { iia: 0.5, loss: 0.9 }));
        let (result, number) = recorded(&[(0.5, 1.0), (0.6, 1.0), (0.3, 1.0)], Some(9));
        assert_eq!((number, result.at, result.steps, result.stopped_early), (2, 4, 6, false));
    }

    #[test]
    fn without_patience_the_last_candidate_is_kept() {
        let (result, number) = recorded(&[(0.5, 1.0), (0.4, 1.0), (0.3, 1.0)], None);
        assert_eq!((number, result.at, result.steps, result.stopped_early), (3, 6, 6, false));
    }
}
