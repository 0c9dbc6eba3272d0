//! How a search is configured, and what it reports.

use super::schedule::Rates;
use crate::alignment::Validated;
use crate::alignment::loss::{Loss, Objective};

/// How interventions are trained: Adam (on the manifold where the rotation is one), linear warm-up and decay.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    /// The number of steps.
    pub steps: usize,
    /// The learning rates at their height.
    pub rates: Rates,
    /// Steps of linear warm-up; the decay to nothing follows.
    pub warmup: usize,
    /// Batches whose gradients make one step.
    pub accumulate: usize,
    /// What is minimised.
    pub objective: Objective,
    /// Losses are fetched from the device, and reported, every so many steps.
    pub log_every: usize,
    /// Validation every so many steps, where there is something to validate on; 0 is only after the last.
    pub evaluate_every: usize,
    /// The number of validations without an improvement after which the search stops and keeps the best candidate; `None`
    /// keeps the last.
    pub patience: Option<usize>,
}

impl Search {
    /// A plain search: one learning rate, no warm-up, no penalty, no validation.
    #[must_use]
    pub const fn plain(steps: usize, learning_rate: f64) -> Self {
        Self {
            steps,
            rates: Rates::all(learning_rate),
            warmup: 0,
            accumulate: 1,
            objective: Objective { loss: Loss::CrossEntropy, penalties: Vec::new() },
            log_every: 20,
            evaluate_every: 0,
            patience: None,
        }
    }

    pub(super) fn evaluates_after(&self, step: usize) -> bool {
        self.evaluate_every > 0 && step.is_multiple_of(self.evaluate_every)
    }
}

/// What is reported of a candidate every [`Search::log_every`] steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Logged {
    /// Steps done.
    pub step: usize,
    /// The mean loss of the steps since the last report, penalty included.
    pub loss: f64,
    /// The share of those steps' pairs on which the model gave the causal model's answer.
    pub iia: f64,
    /// Its results on the validation pairs, where they were measured after this step.
    pub validated: Option<Validated>,
    /// The rotation's learning rate in the step.
    pub learning_rate: f64,
    /// The largest entry of |RᵀR − I|; 0 without a rotation.
    pub orthogonality_error: f64,
    /// The temperature of a soft mask.
    pub temperature: Option<f64>,
    /// The share of the columns, or of the mask, that the intervention exchanges, where it has such a penalty.
    pub taken: Option<f64>,
    /// Milliseconds a step, for all candidates together, over the steps since the last report.
    pub step_ms: f64,
}
