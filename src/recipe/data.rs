//! `[data]`: the pairs of a language model.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

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
