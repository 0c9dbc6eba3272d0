//! Gemma 2 (Gemma Team 2024, arXiv 2408.00118).

use burn::tensor::{Int, Tensor, module};
use serde::Deserialize;

use super::attention::{scores, split_heads, weigh};
use super::config::{self, SharedConfig};
use super::context::Context;
use super::dimensions::Dimensions;
use super::linear::{Activation, Linear, Norm, RmsNorm};
use super::rope::{Rope, RopeAngles};
use super::transformer::{Common, Transformer};
use super::weights::Loader;
use crate::error::Error;
use crate::tap::{Component, Tap};

#[derive(Deserialize)]
struct Config {
    #[serde(default = "gelu_tanh")]
    hidden_activation: String,
    #[serde(default = "config::epsilon_1e6")]
    rms_norm_eps: f64,
    #[serde(default)]
    attention_bias: bool,
    #[serde(default = "config::yes")]
    tie_word_embeddings: bool,
    query_pre_attn_scalar: Option<f64>,
    attn_logit_softcapping: Option<f64>,
    final_logit_softcapping: Option<f64>,
    #[serde(flatten)]
    shared: SharedConfig,
}

fn gelu_tanh() -> String {
    "gelu_pytorch_tanh".to_owned()
}

/// Gemma 2: Gemma with further norms after attention and feed-forward, a sliding window in every other layer, and a soft
/// cap on attention scores and logits.
pub(super) struct Gemma2 {
    common: Common,
    blocks: Vec<Block>,
    scale: f64,
    score_cap: Option<f64>,
    logit_cap: Option<f64>,
}

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

impl Transformer for Gemma2 {
    fn load(loader: &Loader) -> Result<Self, Error> {
        let path = &loader.path;
        let config: Config = loader.config()?;
        let activation = config::activation(&config.hidden_activation, path)?;
        let dimensions = config.shared.dimensions(3, Some(256), path)?;
        let head_dim = dimensions.head_dim;
        let rope = Rope::new(&config.shared.rope, head_dim, 1.0, path)?;
        let windows = config.shared.windows(|layer| layer % 2 == 0);
        let scale = config.query_pre_attn_scalar.unwrap_or(256.0).sqrt().recip();
        let (score_cap, logit_cap) = (config.attn_logit_softcapping, config.final_logit_softcapping);
        loader.build("model.", |weights| {
            let Dimensions { d_model, d_mlp, n_layers, n_heads, n_kv_heads, vocab_size, .. } = dimensions;
            let (q, kv) = (n_heads * head_dim, n_kv_heads * head_dim);
            let epsilon = config.rms_norm_eps;
            let tokens = weights.padded_embedding("embed_tokens", vocab_size, d_model);
            let head = weights.head("lm_head", &tokens, config.tie_word_embeddings, [vocab_size, d_model]);
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
            let norm = Norm::Rms(weights.rms_norm("norm", d_model, epsilon, 1.0));
            let common = Common { dimensions, tokens, rope: rope.clone(), norm, head };
            Self { common, blocks, scale, score_cap, logit_cap }
        })
    }

    fn common(&self) -> &Common {
        &self.common
    }

    fn block(
        &self,
        x: Tensor<3>,
        layer: usize,
        angles: &RopeAngles,
        context: &mut Context,
        tap: &mut dyn Tap,
    ) -> Tensor<3> {
        let Dimensions { n_heads, n_kv_heads, .. } = self.common.dimensions;
        let block = &self.blocks[layer];
        let x = tap.visit(Component::BlockInput.at(layer), x); // [batch, seq, d_model]

        let h = tap.visit(Component::AttentionInput.at(layer), block.input_norm.forward(x.clone()));
        let q = tap.visit(Component::QueryOutput.at(layer), block.query.forward(h.clone()));
        let k = tap.visit(Component::KeyOutput.at(layer), block.key.forward(h.clone()));
        let v = tap.visit(Component::ValueOutput.at(layer), block.value.forward(h));
        let q = angles.forward(split_heads(q, n_heads)); // [batch, n_heads, seq, head_dim]
        let k = angles.forward(split_heads(k, n_kv_heads)); // [batch, n_kv_heads, seq, head_dim]
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

    fn embed(&self, tokens: Tensor<2, Int>, _context: &Context) -> Tensor<3> {
        let hidden = module::embedding(self.common.tokens.clone(), tokens);
        // The factor is in the model's dtype: bfloat16 rounds it.
        let root = Tensor::<1>::from_data(
            [(self.common.dimensions.d_model as f32).sqrt()],
            (&hidden.device(), hidden.dtype()),
        );
        hidden * root.unsqueeze()
    }

    fn cap_logits(&self, logits: Tensor<3>) -> Tensor<3> {
        cap(logits, self.logit_cap)
    }
}

/// `cap · tanh(x / cap)`
fn cap<const D: usize>(x: Tensor<D>, cap: Option<f64>) -> Tensor<D> {
    match cap {
        Some(cap) => (x / cap).tanh() * cap,
        None => x,
    }
}
