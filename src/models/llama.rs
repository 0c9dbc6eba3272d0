//! Llama (Touvron et al. 2023, arXiv 2302.13971; Grattafiori et al. 2024, arXiv 2407.21783) and two variants: Mistral
//! (Jiang et al. 2023, arXiv 2310.06825) has a sliding window, Qwen2 (Yang et al. 2024, arXiv 2407.10671) has biases in
//! the queries, keys and values.

use burn::tensor::Tensor;
use serde::Deserialize;

use super::attention::{attention, split_heads};
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
    model_type: Variant,
    #[serde(default = "config::silu")]
    hidden_act: String,
    #[serde(default = "config::epsilon_1e6")]
    rms_norm_eps: f64,
    #[serde(default)]
    attention_bias: bool,
    #[serde(default)]
    mlp_bias: bool,
    #[serde(default)]
    tie_word_embeddings: bool,
    #[serde(flatten)]
    shared: SharedConfig,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Variant {
    Llama,
    Mistral,
    Qwen2,
}

/// Llama, Mistral and Qwen2: rotary positions, root mean square norms, gated feed-forward, grouped key heads.
pub(super) struct Llama {
    common: Common,
    blocks: Vec<Block>,
}

struct Block {
    input_norm: RmsNorm,
    query: Linear,
    key: Linear,
    value: Linear,
    attention_out: Linear,
    window: Option<usize>,
    mlp_norm: RmsNorm,
    gate: Linear,
    up: Linear,
    activation: Activation,
    down: Linear,
}

impl Transformer for Llama {
    fn load(loader: &Loader) -> Result<Self, Error> {
        let path = &loader.path;
        let config: Config = loader.config()?;
        let activation = config::activation(&config.hidden_act, path)?;
        let dimensions = config.shared.dimensions(3, None, path)?;
        let head_dim = dimensions.head_dim;
        let rope = Rope::new(&config.shared.rope, head_dim, 1.0, path)?;
        let windows = match config.model_type {
            Variant::Llama => vec![None; dimensions.n_layers],
            Variant::Mistral => config.shared.windows(|_| true),
            Variant::Qwen2 => config.shared.qwen_windows(),
        };
        let qkv_bias = config.attention_bias || config.model_type == Variant::Qwen2;
        loader.build("model.", |weights| {
            let Dimensions { d_model, d_mlp, n_layers, n_heads, n_kv_heads, vocab_size, .. } = dimensions;
            let (q, kv) = (n_heads * head_dim, n_kv_heads * head_dim);
            let epsilon = config.rms_norm_eps;
            let tokens = weights.padded_embedding("embed_tokens", vocab_size, d_model);
            let head = weights.head("lm_head", &tokens, config.tie_word_embeddings, [vocab_size, d_model]);
            let block = |layer: usize| {
                let name = |part: &str| format!("layers.{layer}.{part}");
                Block {
                    input_norm: weights.rms_norm(&name("input_layernorm"), d_model, epsilon, 0.0),
                    query: weights.linear(&name("self_attn.q_proj"), d_model, q, qkv_bias),
                    key: weights.linear(&name("self_attn.k_proj"), d_model, kv, qkv_bias),
                    value: weights.linear(&name("self_attn.v_proj"), d_model, kv, qkv_bias),
                    attention_out: weights.linear(&name("self_attn.o_proj"), q, d_model, config.attention_bias),
                    window: windows[layer],
                    mlp_norm: weights.rms_norm(&name("post_attention_layernorm"), d_model, epsilon, 0.0),
                    gate: weights.linear(&name("mlp.gate_proj"), d_model, d_mlp, config.mlp_bias),
                    up: weights.linear(&name("mlp.up_proj"), d_model, d_mlp, config.mlp_bias),
                    activation,
                    down: weights.linear(&name("mlp.down_proj"), d_mlp, d_model, config.mlp_bias),
                }
            };
            let blocks = (0..n_layers).map(block).collect();
            let norm = Norm::Rms(weights.rms_norm("norm", d_model, epsilon, 0.0));
            let common = Common { dimensions, tokens, rope: rope.clone(), norm, head };
            Self { common, blocks }
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
        let Dimensions { n_heads, n_kv_heads, head_dim, .. } = self.common.dimensions;
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
        let z = attention(q, k, v, (head_dim as f64).sqrt().recip(), bias); // [batch, seq, n_heads × head_dim]
        let z = tap.visit(Component::AttentionValueOutput.at(layer), z);
        let a = tap.visit(Component::AttentionOutput.at(layer), block.attention_out.forward(z));
        let x = x + a;

        let h = tap.visit(Component::MlpInput.at(layer), block.mlp_norm.forward(x.clone()));
        let gate = block.gate.forward(h.clone()); // [batch, seq, d_mlp]
        let gate = block.activation.forward(tap.visit(Component::MlpActivationInput.at(layer), gate));
        let gate = tap.visit(Component::MlpActivation.at(layer), gate);
        let m = block.down.forward(gate * block.up.forward(h));
        let m = tap.visit(Component::MlpOutput.at(layer), m);
        tap.visit(Component::BlockOutput.at(layer), x + m)
    }
}
