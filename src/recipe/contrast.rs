//! `[contrast]`: a second MLP to compare with.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

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
