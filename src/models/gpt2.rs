//! GPT-2 (Radford et al. 2019).

use burn::tensor::{Int, Tensor, TensorData, module};
use serde::Deserialize;

use super::attention::{attention, split_heads};
use super::config;
use super::context::Context;
use super::dimensions::Dimensions;
use super::linear::{Activation, LayerNorm, Linear, Norm};
use super::rope::Rope;
use super::transformer::{Common, LayerRun, Transformer};
use super::weights::Loader;
use crate::error::Error;
use crate::tap::Component;

#[derive(Deserialize)]
struct Config {
    vocab_size: usize,
    n_positions: usize,
    n_embd: usize,
    n_layer: usize,
    n_head: usize,
    n_inner: Option<usize>,
    activation_function: Option<String>,
    #[serde(default = "config::epsilon_1e5")]
    layer_norm_epsilon: f64,
    #[serde(default = "config::yes")]
    scale_attn_weights: bool,
    #[serde(default)]
    scale_attn_by_inverse_layer_idx: bool,
    #[serde(default = "config::yes")]
    tie_word_embeddings: bool,
}

/// GPT-2: learned positions, layer norms before attention and feed-forward, as many key heads as query heads.
pub(super) struct Gpt2 {
    common: Common,
    positions: Tensor<2>,
    blocks: Vec<Gpt2Block>,
}

struct Gpt2Block {
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

impl Transformer for Gpt2 {
    fn load(loader: &Loader) -> Result<Self, Error> {
        let path = &loader.path;
        let config: Config = loader.config()?;
        let activation = config::activation(config.activation_function.as_deref().unwrap_or("gelu_new"), path)?;
        let head_dim = config::divide(config.n_embd, config.n_head, path)?;
        let dimensions = Dimensions {
            d_model: config.n_embd,
            d_mlp: config.n_inner.unwrap_or(4 * config.n_embd),
            mlp_matrices: 2,
            n_layers: config.n_layer,
            n_heads: config.n_head,
            n_kv_heads: config.n_head,
            head_dim,
            vocab_size: config.vocab_size,
            max_positions: Some(config.n_positions),
        };
        loader.build("transformer.", |weights| {
            let Dimensions { d_model, d_mlp, n_layers, vocab_size, .. } = dimensions;
            let tokens = weights.embedding("wte", vocab_size, d_model);
            let head = weights.head("lm_head", &tokens, config.tie_word_embeddings, [vocab_size, d_model]);
            // Initial weights of the projections onto the residual stream are scaled down with its depth.
            let residual = (2.0 * n_layers as f64).sqrt().recip();
            let block = |layer: usize| {
                let name = |part: &str| format!("h.{layer}.{part}");
                let qkv = name("attn.c_attn");
                let scale = if config.scale_attn_weights { (head_dim as f64).sqrt().recip() } else { 1.0 };
                let inverse = if config.scale_attn_by_inverse_layer_idx { layer as f64 + 1.0 } else { 1.0 };
                Gpt2Block {
                    ln_1: weights.layer_norm(&name("ln_1"), d_model, config.layer_norm_epsilon),
                    query: weights.conv1d(&qkv, d_model, 3 * d_model, 0..d_model, 1.0),
                    key: weights.conv1d(&qkv, d_model, 3 * d_model, d_model..2 * d_model, 1.0),
                    value: weights.conv1d(&qkv, d_model, 3 * d_model, 2 * d_model..3 * d_model, 1.0),
                    attention_out: weights.conv1d(&name("attn.c_proj"), d_model, d_model, 0..d_model, residual),
                    scale: scale / inverse,
                    ln_2: weights.layer_norm(&name("ln_2"), d_model, config.layer_norm_epsilon),
                    up: weights.conv1d(&name("mlp.c_fc"), d_model, d_mlp, 0..d_mlp, 1.0),
                    activation,
                    down: weights.conv1d(&name("mlp.c_proj"), d_mlp, d_model, 0..d_model, residual),
                }
            };
            let blocks = (0..n_layers).map(block).collect();
            let positions = weights.embedding("wpe", config.n_positions, d_model);
            let norm = Norm::Layer(weights.layer_norm("ln_f", d_model, config.layer_norm_epsilon));
            let common = Common { dimensions, tokens, rope: Rope::default(), norm, head };
            Self { common, positions, blocks }
        })
    }

    fn common(&self) -> &Common {
        &self.common
    }

    fn block(&self, x: Tensor<3>, mut run: LayerRun<'_>) -> Tensor<3> {
        let n_heads = self.common.dimensions.n_heads;
        let block = &self.blocks[run.layer];
        let x = run.visit(Component::BlockInput, x); // [batch, seq, d_model]

        let h = run.visit(Component::AttentionInput, block.ln_1.forward(x.clone()));
        let q = run.visit(Component::QueryOutput, block.query.forward(h.clone()));
        let k = run.visit(Component::KeyOutput, block.key.forward(h.clone()));
        let v = run.visit(Component::ValueOutput, block.value.forward(h));
        let q = split_heads(q, n_heads); // [batch, n_heads, seq, head_dim]
        let (k, v) = run.context.attend(run.layer, split_heads(k, n_heads), split_heads(v, n_heads));
        let bias = run.context.bias(None, &q.device());
        let z = attention(q, k, v, block.scale, bias); // [batch, seq, d_model]
        let z = run.visit(Component::AttentionValueOutput, z);
        let a = run.visit(Component::AttentionOutput, block.attention_out.forward(z));
        let x = x + a;

        let h = run.visit(Component::MlpInput, block.ln_2.forward(x.clone()));
        let h = run.visit(Component::MlpActivationInput, block.up.forward(h)); // [batch, seq, d_mlp]
        let h = block.activation.forward(h);
        let h = run.visit(Component::MlpActivation, h);
        let m = run.visit(Component::MlpOutput, block.down.forward(h));
        run.visit(Component::BlockOutput, x + m)
    }

    fn embed(&self, tokens: Tensor<2, Int>, context: &Context) -> Tensor<3> {
        let shape = tokens.dims();
        // Padding is masked out, so its position is irrelevant.
        let positions: Vec<i64> = context.positions().iter().flatten().map(|at| (*at).max(0)).collect();
        let positions = Tensor::from_data(TensorData::new(positions, shape), &tokens.device());
        module::embedding(self.common.tokens.clone(), tokens) + module::embedding(self.positions.clone(), positions)
    }
}

#[cfg(test)]
mod tests {
    use super::super::dtype::Dtype;
    use super::super::untrained::Untrained;
    use super::super::weights::WeightSource;
    use super::*;

    #[test]
    fn initial_residual_projections_are_smaller_and_the_head_stays_tied() {
        let path = std::path::PathBuf::from("tests/fixtures/pyvene/gpt2/config.json");
        let source = WeightSource::Untrained(Untrained::new(&path, 5).unwrap());
        let loader = Loader { path, source, dtype: Dtype::F32, device: burn::tensor::Device::flex() };
        let model = Gpt2::load(&loader).unwrap();
        let deviation = |linear: &Linear| linear.weight.clone().powi_scalar(2).mean().sqrt().into_scalar::<f32>();
        assert_eq!(model.blocks.len(), 2);
        for block in &model.blocks {
            // 0.25 by the configuration, and that over √(2 · 2 layers).
            for (linear, expected) in [
                (&block.query, 0.25),
                (&block.key, 0.25),
                (&block.value, 0.25),
                (&block.attention_out, 0.125),
                (&block.up, 0.25),
                (&block.down, 0.125),
            ] {
                let ratio = deviation(linear) / expected;
                assert!((0.9..1.1).contains(&ratio), "{ratio} of {expected}");
            }
        }
        let [tokens, head] = [&model.common.tokens, &model.common.head.weight].map(|table| table.clone().into_data());
        assert_eq!(tokens, head);
    }
}
