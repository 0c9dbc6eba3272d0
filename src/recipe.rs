//! Recipes: what one run does, in some twenty-five lines of TOML.
//!
//! Every key has a default but the task's name; an unknown key is an error. [`Recipe::load`] reads a file with
//! overrides, and says of a mistake in which line it is and what would be right.

mod check;
mod load;

pub use load::Override;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// One run.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// What the run folder is called after; the file's name by default.
    #[serde(default)]
    pub name: String,
    /// Everything random is drawn from it.
    #[serde(default)]
    pub seed: u64,
    /// The device, `auto` by default.
    #[serde(default = "auto")]
    pub device: String,
    /// Which task's causal model is looked for.
    pub task: Task,
    /// The network that is searched.
    #[serde(default)]
    pub model: Model,
    /// What is trained, and where.
    pub intervention: Intervention,
    /// How it is trained.
    #[serde(default)]
    pub training: Training,
    /// How it is judged.
    #[serde(default)]
    pub evaluation: Evaluation,
    /// A second network, searched alike, to compare with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contrast: Option<Contrast>,
    /// What wrote this recipe; only there in run folders.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub versions: BTreeMap<String, String>,
}

fn auto() -> String {
    "auto".to_owned()
}

/// `[task]`
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// `hierarchical_equality`
    pub name: String,
}

/// `[model]`: an MLP, trained on the task first, or read from a file.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct Model {
    /// The width of the hidden layers.
    pub width: usize,
    /// The number of hidden layers.
    pub layers: usize,
    /// A safetensors file with the weights of a trained network, `mlp.h.0.ff1.weight` and so on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<PathBuf>,
    /// How it is trained where no weights are given.
    pub training: ModelTraining,
}

impl Default for Model {
    fn default() -> Self {
        Self { width: 64, layers: 3, weights: None, training: ModelTraining::default() }
    }
}

/// `[model.training]`: AdamW with linear decay on fresh examples.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct ModelTraining {
    /// The number of steps.
    pub steps: usize,
    /// Examples in a step.
    pub batch: usize,
    /// The learning rate at the start.
    pub learning_rate: f64,
    /// AdamW's decoupled weight decay.
    pub weight_decay: f64,
    /// The weight of the L1 norm of the first layer's weights.
    pub l1: f64,
}

impl Default for ModelTraining {
    fn default() -> Self {
        Self { steps: 9216, batch: 1024, learning_rate: 2e-3, weight_decay: 0.3, l1: 1e-4 }
    }
}

/// `[intervention]`
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Intervention {
    /// `rotated_space`
    #[serde(default = "rotated_space")]
    pub kind: String,
    /// The site's component, under pyvene's name.
    pub component: String,
    /// The site's layer, counted from 0.
    pub layer: usize,
    /// `manifold`, or one of PyTorch's maps: `matrix_exp`, `cayley`, `householder`.
    #[serde(default = "manifold")]
    pub orthogonal: String,
    /// The columns `[from, to)` of the rotation that are to carry each variable.
    pub partition: BTreeMap<String, [usize; 2]>,
}

fn rotated_space() -> String {
    "rotated_space".to_owned()
}

fn manifold() -> String {
    "manifold".to_owned()
}

/// `[training]`: Adam with linear decay; a step swaps each variable alone, or all of them at once, by chance.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct Training {
    /// The number of steps.
    pub steps: usize,
    /// Pairs in a step.
    pub batch: usize,
    /// The learning rate at the start.
    pub learning_rate: f64,
    /// A line of the log every so many steps.
    pub log_every: usize,
}

impl Default for Training {
    fn default() -> Self {
        Self { steps: 2000, batch: 2048, learning_rate: 5e-3, log_every: 20 }
    }
}

/// `[evaluation]`
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct Evaluation {
    /// Fresh held-out pairs of each kind of swap.
    pub pairs: usize,
    /// Draws of the random rotation.
    pub random_rotations: usize,
    /// Also run the search on an untrained network of the same shape?
    pub untrained_model: bool,
}

impl Default for Evaluation {
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
