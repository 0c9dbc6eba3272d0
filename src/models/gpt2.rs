//! GPT-2 (Radford et al. 2019).

use std::ops::Range;
use std::path::Path;

use burn::tensor::{Device, Int, Tensor, TensorData, module};
use serde::Deserialize;

use super::attention::{attention, split_heads};
use super::checkpoint::{Checkpoint, read_json};
use super::linear::{Activation, LayerNorm, Linear};
use super::weights::{Dtype, Weights};
use super::{Context, Dimensions, FrozenModel, LanguageModel, SiteShape, config};
use crate::error::Error;
use crate::tap::{Component, Tap};

#[derive(Deserialize)]
struct Config {
    vocab_size: usize,
    n_positions: usize,
    n_embd: usize,
    n_layer: usize,
    n_head: usize,
    n_inner: Option<usize>,
    #[serde(default = "gelu_new")]
    activation_function: String,
    #[serde(default = "config::epsilon_1e5")]
    layer_norm_epsilon: f64,
    #[serde(default = "config::yes")]
    scale_attn_weights: bool,
    #[serde(default)]
    scale_attn_by_inverse_layer_idx: bool,
    #[serde(default = "config::yes")]
    tie_word_embeddings: bool,
}

fn gelu_new() -> String {
    "gelu_new".to_owned()
}

/// GPT-2: learned positions, layer norms before attention and feed-forward, one head count.
#[derive(Clone, Debug)]
pub struct Gpt2 {
    dimensions: Dimensions,
    tokens: Tensor<2>,
    positions: Tensor<2>,
    blocks: Vec<Block>,
    norm: LayerNorm,
    head: Linear,
}

#[derive(Clone, Debug)]
struct Block {
    ln_1: LayerNorm,
    query: Linear,
    key: Linear,
    value: Linear,
    attention_out: Linear,
    scale: f64,
    ln_2: LayerNorm,
    up: Linear,
    activation: Activation,
    down: Linear,
}

impl Gpt2 {
    pub(super) fn load(folder: &Path, checkpoint: &Checkpoint, dtype: Dtype, device: &Device) -> Result<Self, Error> {
        let path = folder.join("config.json");
        let config: Config = read_json(&path)?;
        let activation = config::activation(&config.activation_function, &path)?;
        let head_dim = config::divide(config.n_embd, config.n_head, &path)?;
        let dimensions = Dimensions {
            d_model: config.n_embd,
            d_mlp: config.n_inner.unwrap_or(4 * config.n_embd),
            n_layers: config.n_layer,
            n_heads: config.n_head,
            n_kv_heads: config.n_head,
            head_dim,
            vocab_size: config.vocab_size,
            max_positions: Some(config.n_positions),
        };
        Weights::load(checkpoint, "transformer.", dtype, device, |weights| {
            let Dimensions { d_model, d_mlp, n_layers, vocab_size, .. } = dimensions;
            let tokens = weights.tensor("wte.weight", [vocab_size, d_model]);
            let head = if config.tie_word_embeddings {
                Linear { weight: tokens.clone(), bias: None }
            } else {
                weights.linear("lm_head", d_model, vocab_size, false)
            };
            let block = |layer: usize| {
                let name = |part: &str| format!("h.{layer}.{part}");
                let scale = if config.scale_attn_weights { (head_dim as f64).sqrt().recip() } else { 1.0 };
                let inverse = if config.scale_attn_by_inverse_layer_idx { layer as f64 + 1.0 } else { 1.0 };
                Block {
                    ln_1: weights.layer_norm(&name("ln_1"), d_model, config.layer_norm_epsilon),
                    query: weights.conv1d(&name("attn.c_attn"), d_model, 3 * d_model, 0, d_model),
                    key: weights.conv1d(&name("attn.c_attn"), d_model, 3 * d_model, d_model, d_model),
                    value: weights.conv1d(&name("attn.c_attn"), d_model, 3 * d_model, 2 * d_model, d_model),
                    attention_out: weights.conv1d(&name("attn.c_proj"), d_model, d_model, 0, d_model),
                    scale: scale / inverse,
                    ln_2: weights.layer_norm(&name("ln_2"), d_model, config.layer_norm_epsilon),
                    up: weights.conv1d(&name("mlp.c_fc"), d_model, d_mlp, 0, d_mlp),
                    activation,
                    down: weights.conv1d(&name("mlp.c_proj"), d_mlp, d_model, 0, d_model),
                }
            };
            let blocks = (0..n_layers).map(block).collect();
            let positions = weights.tensor("wpe.weight", [config.n_positions, d_model]);
            let norm = weights.layer_norm("ln_f", d_model, config.layer_norm_epsilon);
            Self { dimensions, tokens, positions, blocks, norm, head }
        })
    }

    pub(super) fn dimensions(&self) -> &Dimensions {
        &self.dimensions
    }

    /// The final norm. # Shapes: `[batch, seq, d_model]` to the same
    pub(super) fn norm(&self, hidden: Tensor<3>) -> Tensor<3> {
        self.norm.forward(hidden)
    }
}

impl Block {
    fn forward(&self, x: Tensor<3>, layer: usize, heads: usize, context: &mut Context, tap: &mut dyn Tap) -> Tensor<3> {
        let x = tap.visit(Component::BlockInput.at(layer), x); // [batch, seq, d_model]

        let h = tap.visit(Component::AttentionInput.at(layer), self.ln_1.forward(x.clone()));
        let q = tap.visit(Component::QueryOutput.at(layer), self.query.forward(h.clone()));
        let k = tap.visit(Component::KeyOutput.at(layer), self.key.forward(h.clone()));
        let v = tap.visit(Component::ValueOutput.at(layer), self.value.forward(h));
        let q = split_heads(q, heads); // [batch, heads, seq, head_dim]
        let (k, v) = context.attend(layer, split_heads(k, heads), split_heads(v, heads));
        let bias = context.bias(None, &q.device());
        let z = attention(q, k, v, self.scale, bias); // [batch, seq, d_model]
        let z = tap.visit(Component::AttentionValueOutput.at(layer), z);
        let a = tap.visit(Component::AttentionOutput.at(layer), self.attention_out.forward(z));
        let x = x + a;

        let h = tap.visit(Component::MlpInput.at(layer), self.ln_2.forward(x.clone()));
        let h = tap.visit(Component::MlpActivationInput.at(layer), self.up.forward(h)); // [batch, seq, d_mlp]
        let h = self.activation.forward(h);
        let h = tap.visit(Component::MlpActivation.at(layer), h);
        let m = tap.visit(Component::MlpOutput.at(layer), self.down.forward(h));
        tap.visit(Component::BlockOutput.at(layer), x + m)
    }
}

impl FrozenModel for Gpt2 {
    fn n_layers(&self) -> usize {
        self.blocks.len()
    }

    fn site_shape(&self, component: Component) -> Option<SiteShape> {
        self.dimensions.site_shape(component)
    }

    fn layers(
        &self,
        mut hidden: Tensor<3>,
        range: Range<usize>,
        context: &mut Context,
        tap: &mut dyn Tap,
    ) -> Tensor<3> {
        for layer in range {
            hidden = self.blocks[layer].forward(hidden, layer, self.dimensions.n_heads, context, tap);
        }
        hidden
    }

    fn unembed(&self, hidden: Tensor<3>) -> Tensor<3> {
        self.head.forward(self.norm(hidden))
    }

    fn unembed_only(&self, hidden: Tensor<3>, only: &Tensor<1, Int>) -> Tensor<3> {
        self.head.only(only).forward(self.norm(hidden))
    }
}

impl LanguageModel for Gpt2 {
    fn vocab_size(&self) -> usize {
        self.dimensions.vocab_size
    }

    fn max_positions(&self) -> Option<usize> {
        self.dimensions.max_positions
    }

    fn embed(&self, tokens: Tensor<2, Int>, context: &Context) -> Tensor<3> {
        let shape = tokens.dims();
        // A padding's embedding is as good as any other: nothing looks at it.
        let positions: Vec<i64> = context.positions().iter().flatten().map(|at| (*at).max(0)).collect();
        let positions = Tensor::from_data(TensorData::new(positions, shape), &tokens.device());
        module::embedding(self.tokens.clone(), tokens) + module::embedding(self.positions.clone(), positions)
    }
}
