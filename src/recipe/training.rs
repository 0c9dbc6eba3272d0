//! `[training]`: how the intervention is trained.

use serde::{Deserialize, Serialize};

use super::Answers;
use crate::alignment::loss::Loss;

/// `[training]`: Adam with linear decay; a step swaps each variable alone, or all of them at once, by chance.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct Training {
    /// What the search alone draws from: its first rotation, and the order of the pairs; the recipe's seed by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// The number of steps.
    pub steps: usize,
    /// Pairs in a step.
    pub batch: usize,
    /// The learning rate at the start.
    pub learning_rate: f64,
    /// The learning rate of a boundary (Boundless DAS); the rotation's by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boundary_learning_rate: Option<f64>,
    /// The learning rate of masks; the rotation's by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mask_learning_rate: Option<f64>,
    /// The share of the steps in which the learning rates rise.
    pub warmup: f64,
    /// Batches whose gradients make one step.
    pub accumulate: usize,
    /// The loss over the answers: `cross_entropy`.
    #[serde(skip_serializing_if = "is_default")]
    pub loss: Loss,
    /// The weight of the intervention's penalty in the loss.
    pub penalty: f64,
    /// The weight in the loss of pairs that must not change their answer (RAVEL's multi-task DAS). Over 0, half of the
    /// pairs that are drawn from a task are such: a variable is swapped that the answer does not depend on.
    pub isolation: f64,
    /// Among which tokens answers are asked: `all`, `task` for those that pairs have as answers, or a list. The loss is
    /// over them, and the network says the one with the largest logit.
    pub answers: Answers,
    /// The temperature of soft masks, from the first step to the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<[f64; 2]>,
    /// Whether every epoch has the pairs in a new random order; otherwise in the data's order.
    pub shuffle: bool,
    /// A line of the log every so many steps.
    pub log_every: usize,
    /// The IIA on the validation pairs every so many steps; 0 is only after the last.
    pub evaluate_every: usize,
    /// Stop when so many of those evaluations have brought nothing better, and keep the best instead of the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patience: Option<usize>,
}

impl Default for Training {
    fn default() -> Self {
        Self {
            seed: None,
            steps: 2000,
            batch: 2048,
            learning_rate: 5e-3,
            boundary_learning_rate: None,
            mask_learning_rate: None,
            warmup: 0.0,
            accumulate: 1,
            loss: Loss::default(),
            penalty: 0.0,
            isolation: 0.0,
            answers: Answers::default(),
            temperature: None,
            shuffle: true,
            log_every: 20,
            evaluate_every: 0,
            patience: None,
        }
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
