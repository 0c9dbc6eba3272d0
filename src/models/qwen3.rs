//! Qwen3 (Yang et al. 2025, arXiv 2505.09388).

use burn::tensor::Tensor;

use super::attention::{attention, split_heads};
use super::config::{self, SharedConfig};
use super::dimensions::Dimensions;
use super::gated_mlp::GatedMlp;
use super::linear::{Linear, Norm, RmsNorm};
use super::rope::Rope;
use super::transformer::{Common, LayerRun, Transformer};
use super::weights::Loader;
use crate::error::Error;
use crate::tap::Component;

/// Qwen3: Llama with a norm on each head of the queries and keys before the rotary embedding.
pub(super) struct Qwen3 {
    common: Common,
    blocks: Vec<Qwen3Block>,
}

struct Qwen3Block {
    input_norm: RmsNorm,
    query: Linear,
    key: Linear,
    value: Linear,
    query_norm: RmsNorm,
    key_norm: RmsNorm,
    attention_out: Linear,
    window: Option<usize>,
    mlp_norm: RmsNorm,
    mlp: GatedMlp,
}

impl Transformer for Qwen3 {
    fn load(loader: &Loader) -> Result<Self, Error> {
        let path = &loader.path;
        let config: SharedConfig = loader.config()?;
        let activation = config::activation(config.hidden_act.as_deref().unwrap_or("silu"), path)?;
        let attention_bias = config.attention_bias.unwrap_or(false);
        let tied = config.tie_word_embeddings.unwrap_or(false);
        let dimensions = config.dimensions(3, Some(128), path)?;
        let head_dim = dimensions.head_dim;
        let rope = Rope::new(&config.rope, head_dim, 1.0, path)?;
        let windows = config.qwen_windows();
        loader.build("model.", |weights| {
            let Dimensions { d_model, d_mlp, n_layers, n_heads, n_kv_heads, vocab_size, .. } = dimensions;
            let (q, kv) = (n_heads * head_dim, n_kv_heads * head_dim);
            let epsilon = config.rms_norm_eps.unwrap_or(1e-6);
            let tokens = weights.padded_embedding("embed_tokens", vocab_size, d_model);
            let head = weights.head("lm_head", &tokens, tied, [vocab_size, d_model]);
            let block = |layer: usize| {
                let name = |part: &str| format!("layers.{layer}.{part}");
                Qwen3Block {
                    input_norm: weights.rms_norm(&name("input_layernorm"), d_model, epsilon, 0.0),
                    query: weights.linear(&name("self_attn.q_proj"), d_model, q, attention_bias),
                    key: weights.linear(&name("self_attn.k_proj"), d_model, kv, attention_bias),
                    value: weights.linear(&name("self_attn.v_proj"), d_model, kv, attention_bias),
                    query_norm: weights.rms_norm(&name("self_attn.q_norm"), head_dim, epsilon, 0.0),
                    key_norm: weights.rms_norm(&name("self_attn.k_norm"), head_dim, epsilon, 0.0),
                    attention_out: weights.linear(&name("self_attn.o_proj"), q, d_model, attention_bias),
                    window: windows[layer],
                    mlp_norm: weights.rms_norm(&name("post_attention_layernorm"), d_model, epsilon, 0.0),
                    mlp: weights.gated_mlp(&name("mlp"), [d_model, d_mlp], activation, false),
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

    fn block(&self, x: Tensor<3>, mut run: LayerRun<'_>) -> Tensor<3> {
        let Dimensions { n_heads, n_kv_heads, head_dim, .. } = self.common.dimensions;
        let block = &self.blocks[run.layer];
        let x = run.visit(Component::BlockInput, x); // [batch, seq, d_model]

        let h = run.visit(Component::AttentionInput, block.input_norm.forward(x.clone()));
        let q = run.visit(Component::QueryOutput, block.query.forward(h.clone()));
        let k = run.visit(Component::KeyOutput, block.key.forward(h.clone()));
        let v = run.visit(Component::ValueOutput, block.value.forward(h));
        let q = block.query_norm.forward(split_heads(q, n_heads)); // [batch, n_heads, seq, head_dim]
        let k = block.key_norm.forward(split_heads(k, n_kv_heads)); // [batch, n_kv_heads, seq, head_dim]
        let (q, k) = (run.angles.forward(q), run.angles.forward(k));
        let (k, v) = run.context.attend(run.layer, k, split_heads(v, n_kv_heads));
        let bias = run.context.bias(block.window, &q.device());
        let z = attention(q, k, v, (head_dim as f64).sqrt().recip(), bias); // [batch, seq, n_heads × head_dim]
        let z = run.visit(Component::AttentionValueOutput, z);
        let a = run.visit(Component::AttentionOutput, block.attention_out.forward(z));
        let x = x + a;

        let h = run.visit(Component::MlpInput, block.mlp_norm.forward(x.clone()));
        let m = block.mlp.forward(h, &mut run);
        let m = run.visit(Component::MlpOutput, m);
        run.visit(Component::BlockOutput, x + m)
    }
}
