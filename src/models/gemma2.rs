//! Gemma 2 (Gemma Team 2024, arXiv 2408.00118).

use burn::tensor::{Int, Tensor};
use serde::Deserialize;

use super::attention::{scores, split_heads, weigh};
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
    hidden_activation: Option<String>,
    query_pre_attn_scalar: Option<f64>,
    attn_logit_softcapping: Option<f64>,
    final_logit_softcapping: Option<f64>,
    #[serde(flatten)]
    shared: SharedConfig,
}

/// Gemma 2: Gemma with further norms after attention and feed-forward, a sliding window in every other layer, and a soft
/// cap on attention scores and logits.
pub(super) struct Gemma2 {
    common: Common,
    blocks: Vec<Gemma2Block>,
    scale: f64,
    score_cap: Option<f64>,
    logit_cap: Option<f64>,
}

struct Gemma2Block {
    input_norm: RmsNorm,
    query: Linear,
    key: Linear,
    value: Linear,
    attention_out: Linear,
    window: Option<usize>,
    attention_norm: RmsNorm,
    mlp_norm: RmsNorm,
    mlp: GatedMlp,
    output_norm: RmsNorm,
}

impl Transformer for Gemma2 {
    fn load(loader: &Loader) -> Result<Self, Error> {
        let path = &loader.path;
        let config: Config = loader.config()?;
        let activation = config::activation(config.hidden_activation.as_deref().unwrap_or("gelu_pytorch_tanh"), path)?;
        let attention_bias = config.shared.attention_bias.unwrap_or(false);
        let tied = config.shared.tie_word_embeddings.unwrap_or(true);
        let dimensions = config.shared.dimensions(3, Some(256), path)?;
        let head_dim = dimensions.head_dim;
        let rope = Rope::new(&config.shared.rope, head_dim, 1.0, path)?;
        let windows = config.shared.windows(|layer| layer % 2 == 0);
        let scale = config.query_pre_attn_scalar.unwrap_or(256.0).sqrt().recip();
        let (score_cap, logit_cap) = (config.attn_logit_softcapping, config.final_logit_softcapping);
        loader.build("model.", |weights| {
            let Dimensions { d_model, d_mlp, n_layers, n_heads, n_kv_heads, vocab_size, .. } = dimensions;
            let (q, kv) = (n_heads * head_dim, n_kv_heads * head_dim);
            let epsilon = config.shared.rms_norm_eps.unwrap_or(1e-6);
            let tokens = weights.padded_embedding("embed_tokens", vocab_size, d_model);
            let head = weights.head("lm_head", &tokens, tied, [vocab_size, d_model]);
            let block = |layer: usize| {
                let name = |part: &str| format!("layers.{layer}.{part}");
                Gemma2Block {
                    input_norm: weights.rms_norm(&name("input_layernorm"), d_model, epsilon, 1.0),
                    query: weights.linear(&name("self_attn.q_proj"), d_model, q, attention_bias),
                    key: weights.linear(&name("self_attn.k_proj"), d_model, kv, attention_bias),
                    value: weights.linear(&name("self_attn.v_proj"), d_model, kv, attention_bias),
                    attention_out: weights.linear(&name("self_attn.o_proj"), q, d_model, attention_bias),
                    window: windows[layer],
                    attention_norm: weights.rms_norm(&name("post_attention_layernorm"), d_model, epsilon, 1.0),
                    mlp_norm: weights.rms_norm(&name("pre_feedforward_layernorm"), d_model, epsilon, 1.0),
                    mlp: weights.gated_mlp(&name("mlp"), [d_model, d_mlp], activation, false),
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

    fn block(&self, x: Tensor<3>, mut run: LayerRun<'_>) -> Tensor<3> {
        let Dimensions { n_heads, n_kv_heads, .. } = self.common.dimensions;
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
        let scores = cap(scores(q * self.scale, k), self.score_cap); // [batch, n_heads, seq, keys]
        let z = weigh(scores, bias, v); // [batch, seq, n_heads × head_dim]
        let z = run.visit(Component::AttentionValueOutput, z);
        let a = run.visit(Component::AttentionOutput, block.attention_out.forward(z));
        let x = x + block.attention_norm.forward(a);

        let h = run.visit(Component::MlpInput, block.mlp_norm.forward(x.clone()));
        let m = block.mlp.forward(h, &mut run);
        let m = run.visit(Component::MlpOutput, m);
        run.visit(Component::BlockOutput, x + block.output_norm.forward(m))
    }

    fn embed(&self, tokens: Tensor<2, Int>, _context: &Context) -> Tensor<3> {
        self.common.scaled_embedding(tokens)
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
