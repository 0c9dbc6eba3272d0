//! `[evaluation]`: how the result is judged.

use serde::{Deserialize, Serialize};

/// `[evaluation]`
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct Evaluation {
    /// Fresh held-out pairs of each kind of swap.
    pub pairs: usize,
    /// Draws of the random rotation.
    pub random_rotations: usize,
    /// Whether the search is run once more on an untrained model of the same shape, as a control: an MLP, or a language
    /// model with the checkpoint's configuration, with weights that are drawn at random. It takes as long as the search.
    pub untrained_model: bool,
}

impl Default for Evaluation {
    fn default() -> Self {
        Self { pairs: 10_000, random_rotations: 5, untrained_model: false }
    }
}
