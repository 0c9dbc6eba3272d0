//! GPT-NeoX (Black et al. 2022, arXiv 2204.06745) and Pythia (Biderman et al. 2023, arXiv 2304.01373).

use burn::tensor::Tensor;
use serde::Deserialize;

use super::attention::{attention, split_heads};
use super::config::{self, SharedConfig};
use super::dimensions::Dimensions;
use super::linear::{Activation, LayerNorm, Linear, Norm};
use super::rope::Rope;
use super::transformer::{Common, LayerRun, Transformer};
use super::weights::Loader;
use crate::error::Error;
use crate::tap::Component;

#[derive(Deserialize)]
struct Config {
    #[serde(default = "config::epsilon_1e5")]
    layer_norm_eps: f64,
    #[serde(default = "config::yes")]
    use_parallel_residual: bool,
    #[serde(flatten)]
    shared: SharedConfig,
}

/// GPT-NeoX: layer norms, rotary positions in some columns of each head, attention and feed-forward in parallel.
pub(super) struct GptNeox {
    common: Common,
    blocks: Vec<GptNeoxBlock>,
    parallel: bool,
}

struct GptNeoxBlock {
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

impl Transformer for GptNeox {
    fn load(loader: &Loader) -> Result<Self, Error> {
        let path = &loader.path;
        let config: Config = loader.config()?;
        let activation = config::activation(config.shared.hidden_act.as_deref().unwrap_or("gelu"), path)?;
        let attention_bias = config.shared.attention_bias.unwrap_or(true);
        let tied = config.shared.tie_word_embeddings.unwrap_or(false);
        let dimensions = config.shared.dimensions(2, None, path)?;
        let head_dim = dimensions.head_dim;
        let rope = Rope::new(&config.shared.rope, head_dim, 0.25, path)?;
        loader.build("gpt_neox.", |weights| {
            let Dimensions { d_model, d_mlp, n_layers, n_heads, vocab_size, .. } = dimensions;
            let epsilon = config.layer_norm_eps;
            let tokens = weights.embedding("embed_in", vocab_size, d_model);
            // Transformers renamed the head in version 5.
            let head = if weights.has("embed_out.weight") { "embed_out" } else { "lm_head" };
            let head = weights.head(head, &tokens, tied, [vocab_size, d_model]);
            // The rows of the stored matrix are, head by head, the head's queries, keys and values.
            let rows = |part: usize| {
                (0..n_heads).flat_map(|head| (0..head_dim).map(move |j| (3 * head + part) * head_dim + j)).collect()
            };
            let block = |layer: usize| {
                let name = |part: &str| format!("layers.{layer}.{part}");
                let fused = name("attention.query_key_value");
                let mut third = |part| weights.linear_rows(&fused, d_model, 3 * d_model, rows(part), attention_bias);
                let (query, key, value) = (third(0), third(1), third(2));
                GptNeoxBlock {
                    input_norm: weights.layer_norm(&name("input_layernorm"), d_model, epsilon),
                    query,
                    key,
                    value,
                    attention_out: weights.linear(&name("attention.dense"), d_model, d_model, attention_bias),
                    mlp_norm: weights.layer_norm(&name("post_attention_layernorm"), d_model, epsilon),
                    up: weights.linear(&name("mlp.dense_h_to_4h"), d_model, d_mlp, true),
                    activation,
                    down: weights.linear(&name("mlp.dense_4h_to_h"), d_mlp, d_model, true),
                }
            };
            let blocks = (0..n_layers).map(block).collect();
            let norm = Norm::Layer(weights.layer_norm("final_layer_norm", d_model, epsilon));
            let common = Common { dimensions, tokens, rope: rope.clone(), norm, head };
            let parallel = config.use_parallel_residual;
            Self { common, blocks, parallel }
        })
    }

    fn common(&self) -> &Common {
        &self.common
    }

    fn block(&self, x: Tensor<3>, mut run: LayerRun<'_>) -> Tensor<3> {
        let Dimensions { n_heads, head_dim, .. } = self.common.dimensions;
        let block = &self.blocks[run.layer];
        let x = run.visit(Component::BlockInput, x); // [batch, seq, d_model]

        let h = run.visit(Component::AttentionInput, block.input_norm.forward(x.clone()));
        let q = run.visit(Component::QueryOutput, block.query.forward(h.clone()));
        let k = run.visit(Component::KeyOutput, block.key.forward(h.clone()));
        let v = run.visit(Component::ValueOutput, block.value.forward(h));
        let q = run.angles.forward(split_heads(q, n_heads)); // [batch, n_heads, seq, head_dim]
        let k = run.angles.forward(split_heads(k, n_heads));
        let (k, v) = run.context.attend(run.layer, k, split_heads(v, n_heads));
        let bias = run.context.bias(None, &q.device());
        let z = attention(q, k, v, (head_dim as f64).sqrt().recip(), bias); // [batch, seq, d_model]
        let z = run.visit(Component::AttentionValueOutput, z);
        let a = run.visit(Component::AttentionOutput, block.attention_out.forward(z));

        let after = x.clone() + a;
        let h = block.mlp_norm.forward(if self.parallel { x } else { after.clone() });
        let h = run.visit(Component::MlpInput, h);
        let h = run.visit(Component::MlpActivationInput, block.up.forward(h)); // [batch, seq, d_mlp]
        let h = block.activation.forward(h);
        let h = run.visit(Component::MlpActivation, h);
        let m = run.visit(Component::MlpOutput, block.down.forward(h));
        run.visit(Component::BlockOutput, after + m)
    }
}
