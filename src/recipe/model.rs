//! `[model]`: the model that is searched.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::models::Dtype;

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
    pub training: ModelTraining,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            source: None,
            dtype: Dtype::F32,
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
