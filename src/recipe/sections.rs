//! The sections of a recipe that hold plain values.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Answers;
use crate::alignment::feature::network::NetworkTraining;
use crate::alignment::loss::Loss;
use crate::models::Dtype;

/// `[task]`
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct TaskSection {
    /// `hierarchical_equality` for an MLP; for a language model `gender_agreement`, `ioi` and so on.
    pub name: String,
}

/// `[data]`: pairs of prompts, from files or drawn from the task.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct Data {
    /// A file of pairs to train on: JSON lines or Parquet; `hub:ORG/NAME[@REVISION]/PATH` is one of the Hub's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train: Option<PathBuf>,
    /// A file of pairs to choose by: when to stop, and which of several searches is best. Without one nothing is chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation: Option<PathBuf>,
    /// A file of pairs to report on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test: Option<PathBuf>,
    /// Pairs to draw from the task for training.
    pub train_pairs: usize,
    /// Pairs to draw from the task to choose by; with 0 nothing is chosen.
    pub validation_pairs: usize,
    /// Pairs to draw from the task to report on.
    pub test_pairs: usize,
    /// Whether only pairs are used whose prompts the model answers correctly by itself, where the correct answers are known.
    pub solved: bool,
}

impl Default for Data {
    fn default() -> Self {
        Self {
            train: None,
            validation: None,
            test: None,
            train_pairs: 480,
            validation_pairs: 64,
            test_pairs: 128,
            solved: true,
        }
    }
}

/// `[model]`: a language model's checkpoint, or an MLP, trained on the task first or read from a file.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct Model {
    /// A language model's checkpoint: a folder, or the Hub's name for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The dtype of a language model's weights: `f32`, `bf16`, `f16`, or `keep` for the checkpoint's own.
    pub dtype: Dtype,
    /// The width of the hidden layers.
    pub width: usize,
    /// The number of hidden layers.
    pub layers: usize,
    /// A safetensors file with the weights of a trained network, `mlp.h.0.ff1.weight` and so on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<PathBuf>,
    /// How it is trained where no weights are given.
    pub training: NetworkTraining,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            source: None,
            dtype: Dtype::F32,
            width: 64,
            layers: 3,
            weights: None,
            training: NetworkTraining::default(),
        }
    }
}

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

/// `[evaluation]`
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct EvaluationSection {
    /// Fresh held-out pairs of each kind of swap.
    pub pairs: usize,
    /// Draws of the random rotation.
    pub random_rotations: usize,
    /// Whether the search is run once more on an untrained model of the same shape, as a control: an MLP, or a language
    /// model with the checkpoint's configuration, with weights that are drawn at random. It takes as long as the search.
    pub untrained_model: bool,
}

impl Default for EvaluationSection {
    fn default() -> Self {
        Self { pairs: 10_000, random_rotations: 5, untrained_model: false }
    }
}

/// `[contrast]`: what differs in the second network; all else is as in the first.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Contrast {
    /// The width of its hidden layers.
    pub width: usize,
    /// The weight of the L1 norm of its first layer's weights.
    #[serde(default)]
    pub l1: f64,
    /// AdamW's weight decay in its training.
    #[serde(default)]
    pub weight_decay: f64,
    /// Its partition of the rotation.
    pub partition: BTreeMap<String, [usize; 2]>,
}
