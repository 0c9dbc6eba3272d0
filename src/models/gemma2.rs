//! Gemma 2 (Gemma Team 2024, arXiv 2408.00118).

use std::ops::Range;
use std::path::Path;

use burn::tensor::{Device, Int, Tensor, module};
use serde::Deserialize;

use super::attention::{scores, split_heads, weigh};
use super::checkpoint::{Checkpoint, read_json};
use super::linear::{Activation, Linear, RmsNorm};
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
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    #[serde(default = "gelu_tanh")]
    hidden_activation: String,
    #[serde(default = "config::epsilon_1e6")]
    rms_norm_eps: f64,
    #[serde(default)]
    attention_bias: bool,
    #[serde(default = "config::yes")]
    tie_word_embeddings: bool,
    sliding_window: Option<usize>,
    layer_types: Option<Vec<String>>,
    query_pre_attn_scalar: Option<f64>,
    attn_logit_softcapping: Option<f64>,
    final_logit_softcapping: Option<f64>,
    #[serde(flatten)]
    rope: RopeConfig,
}

fn gelu_tanh() -> String {
    "gelu_pytorch_tanh".to_owned()
}

/// Gemma 2: as Gemma, with norms after attention and feed-forward too, a sliding window in every other layer, and
/// attention scores and logits capped softly.
#[derive(Clone, Debug)]
pub struct Gemma2 {
    dimensions: Dimensions,
    tokens: Tensor<2>,
    rope: Rope,
    blocks: Vec<Block>,
    scale: f64,
    score_cap: Option<f64>,
    norm: RmsNorm,
    head: Linear,
    logit_cap: Option<f64>,
}

#[derive(Clone, Debug)]
struct Block {
    input_norm: RmsNorm,
    query: Linear,
    key: Linear,
    value: Linear,
    attention_out: Linear,
    window: Option<usize>,
    attention_norm: RmsNorm,
    mlp_norm: RmsNorm,
    gate: Linear,
    up: Linear,
    activation: Activation,
    down: Linear,
    output_norm: RmsNorm,
}

impl Gemma2 {
    pub(super) fn load(folder: &Path, checkpoint: &Checkpoint, dtype: Dtype, device: &Device) -> Result<Self, Error> {
        let path = folder.join("config.json");
        let config: Config = read_json(&path)?;
        let activation = config::activation(&config.hidden_activation, &path)?;
        let head_dim = config.head_dim.unwrap_or(256);
        let n_kv_heads = config.num_key_value_heads.unwrap_or(config.num_attention_heads);
        config::divide(config.num_attention_heads, n_kv_heads, &path)?;
        let dimensions = Dimensions {
            d_model: config.hidden_size,
            d_mlp: config.intermediate_size,
            n_layers: config.num_hidden_layers,
            n_heads: config.num_attention_heads,
            n_kv_heads,
            head_dim,
            vocab_size: config.vocab_size,
            max_positions: None,
        };
        let rope = Rope::new(&config.rope, head_dim, 1.0, &path)?;
        let layer_types = config.layer_types.as_deref();
        let windows =
            config::windows(config.num_hidden_layers, config.sliding_window, layer_types, |layer| layer % 2 == 0);
        let scale = config.query_pre_attn_scalar.unwrap_or(256.0).sqrt().recip();
        let (score_cap, logit_cap) = (config.attn_logit_softcapping, config.final_logit_softcapping);
        Weights::load(checkpoint, "model.", dtype, device, |weights| {
            let Dimensions { d_model, d_mlp, n_layers, n_heads, n_kv_heads, vocab_size, .. } = dimensions;
            let (q, kv) = (n_heads * head_dim, n_kv_heads * head_dim);
            let epsilon = config.rms_norm_eps;
            let tokens = weights.tensor("embed_tokens.weight", [vocab_size, d_model]);
            let head = if config.tie_word_embeddings {
                Linear { weight: tokens.clone(), bias: None }
            } else {
                weights.linear("lm_head", d_model, vocab_size, false)
            };
            let block = |layer: usize| {
                let name = |part: &str| format!("layers.{layer}.{part}");
                Block {
                    input_norm: weights.rms_norm(&name("input_layernorm"), d_model, epsilon, 1.0),
                    query: weights.linear(&name("self_attn.q_proj"), d_model, q, config.attention_bias),
                    key: weights.linear(&name("self_attn.k_proj"), d_model, kv, config.attention_bias),
                    value: weights.linear(&name("self_attn.v_proj"), d_model, kv, config.attention_bias),
                    attention_out: weights.linear(&name("self_attn.o_proj"), q, d_model, config.attention_bias),
                    window: windows[layer],
                    attention_norm: weights.rms_norm(&name("post_attention_layernorm"), d_model, epsilon, 1.0),
                    mlp_norm: weights.rms_norm(&name("pre_feedforward_layernorm"), d_model, epsilon, 1.0),
                    gate: weights.linear(&name("mlp.gate_proj"), d_model, d_mlp, false),
                    up: weights.linear(&name("mlp.up_proj"), d_model, d_mlp, false),
                    activation,
                    down: weights.linear(&name("mlp.down_proj"), d_mlp, d_model, false),
                    output_norm: weights.rms_norm(&name("post_feedforward_layernorm"), d_model, epsilon, 1.0),
                }
            };
            let blocks = (0..n_layers).map(block).collect();
            let norm = weights.rms_norm("norm", d_model, epsilon, 1.0);
            let rope = rope.clone();
            Self { dimensions, tokens, rope, blocks, scale, score_cap, norm, head, logit_cap }
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
        let Dimensions { n_heads, n_kv_heads, .. } = self.dimensions;
        let block = &self.blocks[layer];
        let x = tap.visit(Component::BlockInput.at(layer), x); // [batch, seq, d_model]

        let h = tap.visit(Component::AttentionInput.at(layer), block.input_norm.forward(x.clone()));
        let q = tap.visit(Component::QueryOutput.at(layer), block.query.forward(h.clone()));
        let k = tap.visit(Component::KeyOutput.at(layer), block.key.forward(h.clone()));
        let v = tap.visit(Component::ValueOutput.at(layer), block.value.forward(h));
        let q = rotation.forward(split_heads(q, n_heads)); // [batch, n_heads, seq, head_dim]
        let k = rotation.forward(split_heads(k, n_kv_heads)); // [batch, n_kv_heads, seq, head_dim]
        let (k, v) = context.attend(layer, k, split_heads(v, n_kv_heads));
        let bias = context.bias(block.window, &q.device());
        let scores = cap(scores(q * self.scale, k), self.score_cap); // [batch, n_heads, seq, keys]
        let z = weigh(scores, bias, v); // [batch, seq, n_heads × head_dim]
        let z = tap.visit(Component::AttentionValueOutput.at(layer), z);
        let a = tap.visit(Component::AttentionOutput.at(layer), block.attention_out.forward(z));
        let x = x + block.attention_norm.forward(a);

        let h = tap.visit(Component::MlpInput.at(layer), block.mlp_norm.forward(x.clone()));
        let gate = block.gate.forward(h.clone()); // [batch, seq, d_mlp]
        let gate = block.activation.forward(tap.visit(Component::MlpActivationInput.at(layer), gate));
        let gate = tap.visit(Component::MlpActivation.at(layer), gate);
        let m = block.down.forward(gate * block.up.forward(h));
        let m = tap.visit(Component::MlpOutput.at(layer), m);
        tap.visit(Component::BlockOutput.at(layer), x + block.output_norm.forward(m))
    }
}

/// `cap · tanh(x / cap)`
fn cap<const D: usize>(x: Tensor<D>, cap: Option<f64>) -> Tensor<D> {
    match cap {
        Some(cap) => (x / cap).tanh() * cap,
        None => x,
    }
}

impl FrozenModel for Gemma2 {
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
        cap(self.head.forward(self.norm(hidden)), self.logit_cap)
    }

    fn unembed_only(&self, hidden: Tensor<3>, only: &Tensor<1, Int>) -> Tensor<3> {
        cap(self.head.only(only).forward(self.norm(hidden)), self.logit_cap)
    }
}

impl LanguageModel for Gemma2 {
    fn vocab_size(&self) -> usize {
        self.dimensions.vocab_size
    }

    fn embed(&self, tokens: Tensor<2, Int>, _context: &Context) -> Tensor<3> {
        let hidden = module::embedding(self.tokens.clone(), tokens);
        // The factor has the model's dtype too: in bfloat16 it is rounded.
        let root =
            Tensor::<1>::from_data([(self.dimensions.d_model as f32).sqrt()], (&hidden.device(), hidden.dtype()));
        hidden * root.unsqueeze()
    }
}
