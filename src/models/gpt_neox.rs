//! GPT-NeoX (Black et al. 2022, arXiv 2204.06745) and Pythia (Biderman et al. 2023, arXiv 2304.01373).

use std::ops::Range;
use std::path::Path;

use burn::tensor::{Device, Int, Tensor, module};
use serde::Deserialize;

use super::attention::{attention, split_heads};
use super::checkpoint::{Checkpoint, read_json};
use super::linear::{Activation, LayerNorm, Linear};
use super::rope::{Rope, RopeConfig, Rotation};
use super::weights::{Dtype, Weights};
use super::{Context, Dimensions, FrozenModel, LanguageModel, SiteShape, config};
use crate::error::Error;
use crate::tap::{Component, Tap};

#[derive(Deserialize)]
struct Config {
    vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    #[serde(default = "gelu")]
    hidden_act: String,
    #[serde(default = "config::epsilon_1e5")]
    layer_norm_eps: f64,
    #[serde(default = "config::yes")]
    attention_bias: bool,
    #[serde(default = "config::yes")]
    use_parallel_residual: bool,
    #[serde(default)]
    tie_word_embeddings: bool,
    #[serde(flatten)]
    rope: RopeConfig,
}

fn gelu() -> String {
    "gelu".to_owned()
}

/// GPT-NeoX: layer norms, rotary positions on a part of each head, attention and feed-forward side by side.
#[derive(Clone, Debug)]
pub struct GptNeox {
    dimensions: Dimensions,
    tokens: Tensor<2>,
    rope: Rope,
    blocks: Vec<Block>,
    parallel: bool,
    norm: LayerNorm,
    head: Linear,
}

#[derive(Clone, Debug)]
struct Block {
    input_norm: LayerNorm,
    query: Linear,
    key: Linear,
    value: Linear,
    attention_out: Linear,
    mlp_norm: LayerNorm,
    up: Linear,
    activation: Activation,
    down: Linear,
}

impl GptNeox {
    pub(super) fn load(folder: &Path, checkpoint: &Checkpoint, dtype: Dtype, device: &Device) -> Result<Self, Error> {
        let path = folder.join("config.json");
        let config: Config = read_json(&path)?;
        let activation = config::activation(&config.hidden_act, &path)?;
        let head_dim = config::divide(config.hidden_size, config.num_attention_heads, &path)?;
        let dimensions = Dimensions {
            d_model: config.hidden_size,
            d_mlp: config.intermediate_size,
            n_layers: config.num_hidden_layers,
            n_heads: config.num_attention_heads,
            n_kv_heads: config.num_attention_heads,
            head_dim,
            vocab_size: config.vocab_size,
            max_positions: None,
        };
        let rope = Rope::new(&config.rope, head_dim, 0.25, &path)?;
        Weights::load(checkpoint, "gpt_neox.", dtype, device, |weights| {
            let Dimensions { d_model, d_mlp, n_layers, n_heads, vocab_size, .. } = dimensions;
            let epsilon = config.layer_norm_eps;
            let tokens = weights.tensor("embed_in.weight", [vocab_size, d_model]);
            let head = if config.tie_word_embeddings {
                Linear { weight: tokens.clone(), bias: None }
            } else {
                // Transformers renamed it in version 5.
                let name = if weights.has("embed_out.weight") { "embed_out" } else { "lm_head" };
                weights.linear(name, d_model, vocab_size, false)
            };
            // The stored matrix has, head by head, the head's queries, its keys and its values.
            let rows = |part: usize| {
                (0..n_heads).flat_map(|head| (0..head_dim).map(move |j| (3 * head + part) * head_dim + j)).collect()
            };
            let block = |layer: usize| {
                let name = |part: &str| format!("layers.{layer}.{part}");
                let fused = name("attention.query_key_value");
                let mut third =
                    |part| weights.linear_rows(&fused, d_model, 3 * d_model, rows(part), config.attention_bias);
                let (query, key, value) = (third(0), third(1), third(2));
                Block {
                    input_norm: weights.layer_norm(&name("input_layernorm"), d_model, epsilon),
                    query,
                    key,
                    value,
                    attention_out: weights.linear(&name("attention.dense"), d_model, d_model, config.attention_bias),
                    mlp_norm: weights.layer_norm(&name("post_attention_layernorm"), d_model, epsilon),
                    up: weights.linear(&name("mlp.dense_h_to_4h"), d_model, d_mlp, true),
                    activation,
                    down: weights.linear(&name("mlp.dense_4h_to_h"), d_mlp, d_model, true),
                }
            };
            let blocks = (0..n_layers).map(block).collect();
            let norm = weights.layer_norm("final_layer_norm", d_model, epsilon);
            let parallel = config.use_parallel_residual;
            Self { dimensions, tokens, rope: rope.clone(), blocks, parallel, norm, head }
        })
    }

    pub(super) fn dimensions(&self) -> &Dimensions {
        &self.dimensions
    }

    /// The final norm. # Shapes: `[batch, seq, d_model]` to the same
    pub(super) fn norm(&self, hidden: Tensor<3>) -> Tensor<3> {
        self.norm.forward(hidden)
    }

    fn block(
        &self,
        x: Tensor<3>,
        layer: usize,
        rotation: &Rotation,
        context: &mut Context,
        tap: &mut dyn Tap,
    ) -> Tensor<3> {
        let Dimensions { n_heads, head_dim, .. } = self.dimensions;
        let block = &self.blocks[layer];
        let x = tap.visit(Component::BlockInput.at(layer), x); // [batch, seq, d_model]

        let h = tap.visit(Component::AttentionInput.at(layer), block.input_norm.forward(x.clone()));
        let q = tap.visit(Component::QueryOutput.at(layer), block.query.forward(h.clone()));
        let k = tap.visit(Component::KeyOutput.at(layer), block.key.forward(h.clone()));
        let v = tap.visit(Component::ValueOutput.at(layer), block.value.forward(h));
        let q = rotation.forward(split_heads(q, n_heads)); // [batch, n_heads, seq, head_dim]
        let k = rotation.forward(split_heads(k, n_heads));
        let (k, v) = context.attend(layer, k, split_heads(v, n_heads));
        let bias = context.bias(None, &q.device());
        let z = attention(q, k, v, (head_dim as f64).sqrt().recip(), bias); // [batch, seq, d_model]
        let z = tap.visit(Component::AttentionValueOutput.at(layer), z);
        let a = tap.visit(Component::AttentionOutput.at(layer), block.attention_out.forward(z));

        let after = x.clone() + a;
        let h = block.mlp_norm.forward(if self.parallel { x } else { after.clone() });
        let h = tap.visit(Component::MlpInput.at(layer), h);
        let h = tap.visit(Component::MlpActivationInput.at(layer), block.up.forward(h)); // [batch, seq, d_mlp]
        let h = block.activation.forward(h);
        let h = tap.visit(Component::MlpActivation.at(layer), h);
        let m = tap.visit(Component::MlpOutput.at(layer), block.down.forward(h));
        tap.visit(Component::BlockOutput.at(layer), after + m)
    }
}

impl FrozenModel for GptNeox {
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
        let rotation = self.rope.at(context, hidden.dtype(), &self.tokens.device());
        for layer in range {
            hidden = self.block(hidden, layer, &rotation, context, tap);
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

impl LanguageModel for GptNeox {
    fn vocab_size(&self) -> usize {
        self.dimensions.vocab_size
    }

    fn embed(&self, tokens: Tensor<2, Int>, _context: &Context) -> Tensor<3> {
        module::embedding(self.tokens.clone(), tokens)
    }
}
