//! The defaults and checks that the families' configurations share.

use std::path::Path;

use serde::Deserialize;

use super::dimensions::Dimensions;
use super::linear::Activation;
use super::rope::RopeConfig;
use crate::error::Error;

pub(super) fn yes() -> bool {
    true
}

pub(super) fn epsilon_1e5() -> f64 {
    1e-5
}

/// The activation of that name.
pub(super) fn activation(name: &str, path: &Path) -> Result<Activation, Error> {
    Activation::from_name(name).ok_or_else(|| {
        let known = Activation::NAMES.map(|(known, _)| known).join(", ");
        Error::content(path, format!("the activation `{name}` is not supported; supported are: {known}"))
    })
}

/// The width of a head; an error if the heads do not divide the width.
pub(super) fn divide(width: usize, heads: usize, path: &Path) -> Result<usize, Error> {
    if heads == 0 || !width.is_multiple_of(heads) {
        return Err(Error::content(path, format!("{heads} heads do not divide a width of {width}")));
    }
    Ok(width / heads)
}

/// The settings that most families after GPT-2 have under the same names, some with different defaults.
#[derive(Deserialize)]
pub(super) struct SharedConfig {
    vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    pub hidden_act: Option<String>,
    pub rms_norm_eps: Option<f64>,
    pub attention_bias: Option<bool>,
    pub tie_word_embeddings: Option<bool>,
    sliding_window: Option<usize>,
    use_sliding_window: Option<bool>,
    max_window_layers: Option<usize>,
    layer_types: Option<Vec<String>>,
    #[serde(flatten)]
    pub rope: RopeConfig,
}

impl SharedConfig {
    /// The sizes. The family's default of `head_dim` is `hidden_size / num_attention_heads` if it is `None` here.
    pub fn dimensions(&self, mlp_matrices: usize, head_dim: Option<usize>, path: &Path) -> Result<Dimensions, Error> {
        let n_heads = self.num_attention_heads;
        let n_kv_heads = self.num_key_value_heads.unwrap_or(n_heads);
        let head_dim = match self.head_dim.or(head_dim) {
            Some(head_dim) => head_dim,
            None => divide(self.hidden_size, n_heads, path)?,
        };
        divide(n_heads, n_kv_heads, path)?;
        Ok(Dimensions {
            d_model: self.hidden_size,
            d_mlp: self.intermediate_size,
            mlp_matrices,
            n_layers: self.num_hidden_layers,
            n_heads,
            n_kv_heads,
            head_dim,
            vocab_size: self.vocab_size,
            max_positions: None,
        })
    }

    /// The sliding window of each layer: by `layer_types` where the configuration has them, else in the layers for which
    /// `otherwise` is true.
    pub fn windows(&self, otherwise: impl Fn(usize) -> bool) -> Vec<Option<usize>> {
        let slides = |layer: usize| match self.layer_types.as_ref().and_then(|types| types.get(layer)) {
            Some(kind) => kind == "sliding_attention",
            None => otherwise(layer),
        };
        (0..self.num_hidden_layers).map(|layer| self.sliding_window.filter(|_| slides(layer))).collect()
    }

    /// The sliding windows of Qwen: in the layers from `max_window_layers` on, if `use_sliding_window` is true.
    pub fn qwen_windows(&self) -> Vec<Option<usize>> {
        let first = self.max_window_layers.unwrap_or(28);
        match self.use_sliding_window {
            Some(true) => self.windows(|layer| layer >= first),
            _ => vec![None; self.num_hidden_layers],
        }
    }
}
