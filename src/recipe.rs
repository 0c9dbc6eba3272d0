//! Recipes: what one run does, in some twenty-five lines of TOML.
//!
//! Every key has a default but the task's name; an unknown key is an error. [`Recipe::load`] reads a file with
//! overrides, and says of a mistake in which line it is and what would be right.

mod answers;
mod cache;
mod check;
mod load;
mod resolve;
mod sweep;

pub use answers::Answers;
pub use cache::Cache;
pub use load::Override;
pub use sweep::{Axis, Sweep};

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::alignment::loss::Loss;
use crate::data::Position;

/// One run.
///
/// ```
/// use intervene::recipe::Recipe;
///
/// let text = "
///     [task]
///     name = 'hierarchical_equality'
///     [intervention]
///     component = 'block_output'
///     layer = 0
///     partition = { WX = [0, 32], YZ = [32, 64] }
/// ";
/// let shorter = ["training.steps=200".parse()?];
/// let recipe = Recipe::parse(text, "mine.toml".as_ref(), &shorter)?;
/// assert_eq!((recipe.name.as_str(), recipe.training.steps, recipe.model.width), ("mine", 200, 64));
/// let wrong = Recipe::parse(&text.replace("layer", "layre"), "mine.toml".as_ref(), &[]).unwrap_err().to_string();
/// assert_eq!(wrong, "mine.toml:6: unknown key `layre`; did you mean `layer`?");
/// # Ok::<(), intervene::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// What the run folder is called after; the file's name by default.
    #[serde(default)]
    pub name: String,
    /// Everything random is drawn from it.
    #[serde(default)]
    pub seed: u64,
    /// The device: `auto` (the best that works), `cpu`, `wgpu[:n]`, `cuda[:n]`.
    #[serde(default = "auto")]
    pub device: String,
    /// Which task's causal model is looked for; a language model can be searched on `[data]` instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<Task>,
    /// The pairs that a language model is searched on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Data>,
    /// The network that is searched.
    #[serde(default)]
    pub model: Model,
    /// What is trained, and where.
    pub intervention: Intervention,
    /// Further places of a language model that are intervened on in the same run, each with an intervention of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Also>,
    /// How it is trained.
    #[serde(default)]
    pub training: Training,
    /// How it is judged.
    #[serde(default)]
    pub evaluation: Evaluation,
    /// Where what the frozen language model computes is kept.
    #[serde(default, skip_serializing_if = "Cache::is_default")]
    pub cache: Cache,
    /// A second network, searched alike, to compare with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contrast: Option<Contrast>,
    /// Which cells `sweep` searches; every other command takes the recipe's single values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sweep: Option<Sweep>,
    /// What wrote this recipe; only there in run folders.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub versions: BTreeMap<String, String>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn auto() -> String {
    "auto".to_owned()
}

/// `[task]`
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Task {
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
    /// Keep only the pairs whose prompts the model answers rightly by itself, where the right answers are known?
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
    /// The dtype of its weights: `f32`, `bf16`, `f16`, or `keep` for the checkpoint's own.
    pub dtype: String,
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
        Self {
            source: None,
            dtype: "f32".to_owned(),
            width: 64,
            layers: 3,
            weights: None,
            training: ModelTraining::default(),
        }
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
    /// The intervention's name: `rotated_space` for an MLP, any that is trained for a language model.
    #[serde(default = "rotated_space")]
    pub kind: String,
    /// The site's component, under pyvene's name.
    pub component: String,
    /// The site's layer, counted from 0.
    pub layer: usize,
    /// `manifold`, or one of PyTorch's maps: `matrix_exp`, `cayley`, `householder`.
    #[serde(default = "manifold")]
    pub orthogonal: String,
    /// The number of the rotation's columns; as many as the site is wide by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<usize>,
    /// Which tokens of a prompt: a slot of the task, `span` for what the data names, `last`, a number, or `f3+l3` for the
    /// first three and the last three.
    #[serde(default)]
    pub position: Position,
    /// The heads of a `head_` component.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub heads: Vec<usize>,
    /// The columns `[from, to)` of the rotation that are to carry each variable; one variable takes all by default.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub partition: BTreeMap<String, [usize; 2]>,
}

/// `[[also]]`: a further place, like `[intervention]` in whatever is not said.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Also {
    /// The site's layer, counted from 0.
    pub layer: usize,
    /// The site's component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
    /// The heads of a `head_` component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heads: Option<Vec<usize>>,
    /// Which tokens of a prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// The number of the rotation's columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<usize>,
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
    /// A new order of the pairs in every epoch? Else the data's own.
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
