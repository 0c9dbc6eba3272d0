//! Llama (Touvron et al. 2023, arXiv 2302.13971; Grattafiori et al. 2024, arXiv 2407.21783) and three variants: Mistral
//! (Jiang et al. 2023, arXiv 2310.06825) has a sliding window, Qwen2 (Yang et al. 2024, arXiv 2407.10671) has biases in
//! the queries, keys and values, and Gemma (Gemma Team 2024, arXiv 2403.08295) multiplies the embeddings by the root of
//! their width, stores the weights of norms minus one, and has GELU in the feed-forward.

use burn::tensor::{Int, Tensor, module};
use serde::Deserialize;

use super::attention::{attention, split_heads};
use super::config::{self, SharedConfig};
use super::context::Context;
use super::dimensions::Dimensions;
use super::gated_mlp::GatedMlp;
use super::linear::{Linear, Norm, RmsNorm};
use super::rope::Rope;
use super::transformer::{Common, LayerRun, Transformer};
use super::weights::Loader;
use crate::error::Error;
use crate::tap::Component;

#[derive(Deserialize)]
struct Config {
    model_type: Variant,
    hidden_activation: Option<String>,
    #[serde(default)]
    mlp_bias: bool,
    #[serde(flatten)]
    shared: SharedConfig,
}

impl Config {
    fn activation(&self) -> &str {
        let name = self.shared.hidden_act.as_deref();
        if self.model_type != Variant::Gemma {
            return name.unwrap_or("silu");
        }
        // Old configurations of Gemma name `gelu`; the model was trained with the tanh approximation.
        let name = self.hidden_activation.as_deref().or(name.filter(|name| *name != "gelu"));
        name.unwrap_or("gelu_pytorch_tanh")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Variant {
    Llama,
    Mistral,
    Qwen2,
    Gemma,
}

/// Llama, Mistral, Qwen2 and Gemma: rotary positions, root mean square norms, gated feed-forward, grouped key heads.
pub(super) struct Llama {
    common: Common,
    blocks: Vec<LlamaBlock>,
    scaled_embeddings: bool,
}

struct LlamaBlock {
    input_norm: RmsNorm,
    query: Linear,
    key: Linear,
    value: Linear,
    attention_out: Linear,
    window: Option<usize>,
    mlp_norm: RmsNorm,
    mlp: GatedMlp,
}

impl Transformer for Llama {
    fn load(loader: &Loader) -> Result<Self, Error> {
        let path = &loader.path;
        let config: Config = loader.config()?;
        let activation = config::activation(config.activation(), path)?;
        let attention_bias = config.shared.attention_bias.unwrap_or(false);
        let gemma = config.model_type == Variant::Gemma;
        let tied = config.shared.tie_word_embeddings.unwrap_or(gemma);
        let dimensions = config.shared.dimensions(3, gemma.then_some(256), path)?;
        let head_dim = dimensions.head_dim;
        let rope = Rope::new(&config.shared.rope, head_dim, 1.0, path)?;
        let windows = match config.model_type {
            Variant::Llama | Variant::Gemma => vec![None; dimensions.n_layers],
            Variant::Mistral => config.shared.windows(|_| true),
            Variant::Qwen2 => config.shared.qwen_windows(),
        };
        let qkv_bias = attention_bias || config.model_type == Variant::Qwen2;
        loader.build("model.", |weights| {
            let Dimensions { d_model, d_mlp, n_layers, n_heads, n_kv_heads, vocab_size, .. } = dimensions;
            let (q, kv) = (n_heads * head_dim, n_kv_heads * head_dim);
            let offset = if gemma { 1.0 } else { 0.0 };
            let epsilon = config.shared.rms_norm_eps.unwrap_or(1e-6);
            let tokens = weights.padded_embedding("embed_tokens", vocab_size, d_model);
            let head = weights.head("lm_head", &tokens, tied, [vocab_size, d_model]);
            let block = |layer: usize| {
                let name = |part: &str| format!("layers.{layer}.{part}");
                LlamaBlock {
                    input_norm: weights.rms_norm(&name("input_layernorm"), d_model, epsilon, offset),
                    query: weights.linear(&name("self_attn.q_proj"), d_model, q, qkv_bias),
                    key: weights.linear(&name("self_attn.k_proj"), d_model, kv, qkv_bias),
                    value: weights.linear(&name("self_attn.v_proj"), d_model, kv, qkv_bias),
                    attention_out: weights.linear(&name("self_attn.o_proj"), q, d_model, attention_bias),
                    window: windows[layer],
                    mlp_norm: weights.rms_norm(&name("post_attention_layernorm"), d_model, epsilon, offset),
                    mlp: weights.gated_mlp(&name("mlp"), [d_model, d_mlp], activation, config.mlp_bias),
                }
            };
            let blocks = (0..n_layers).map(block).collect();
            let norm = Norm::Rms(weights.rms_norm("norm", d_model, epsilon, offset));
            let common = Common { dimensions, tokens, rope: rope.clone(), norm, head };
            Self { common, blocks, scaled_embeddings: gemma }
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
        let q = run.angles.forward(split_heads(q, n_heads)); // [batch, n_heads, seq, head_dim]
        let k = run.angles.forward(split_heads(k, n_kv_heads)); // [batch, n_kv_heads, seq, head_dim]
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
    fn embed(&self, tokens: Tensor<2, Int>, _context: &Context) -> Tensor<3> {
        match self.scaled_embeddings {
            true => self.common.scaled_embedding(tokens),
            false => module::embedding(self.common.tokens.clone(), tokens),
        }
    }
}
