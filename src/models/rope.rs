//! Rotary position embeddings (Su et al. 2021, arXiv 2104.09864), in the layout of GPT-NeoX and Llama.

use std::f32::consts::TAU;
use std::path::Path;

use burn::tensor::{DType, Device, Tensor, TensorData};
use serde::Deserialize;

use super::context::Context;
use crate::error::Error;

/// A configuration's settings of rotary embeddings, under the names of old and new versions of transformers.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct RopeConfig {
    rope_theta: Option<f64>,
    rotary_emb_base: Option<f64>,
    rotary_pct: Option<f64>,
    rope_scaling: Option<RopeParameters>,
    rope_parameters: Option<RopeParameters>,
    max_position_embeddings: Option<usize>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct RopeParameters {
    rope_type: Option<String>,
    #[serde(rename = "type")]
    old_type: Option<String>,
    rope_theta: Option<f64>,
    partial_rotary_factor: Option<f64>,
    factor: Option<f64>,
    low_freq_factor: Option<f64>,
    high_freq_factor: Option<f64>,
    original_max_position_embeddings: Option<f64>,
}

/// The frequencies of a model's rotary embeddings; the default has none.
#[derive(Clone, Debug, Default)]
pub(super) struct Rope {
    /// One per pair of columns.
    frequencies: Vec<f32>,
}

/// The cosines and sines at a run's positions, computed once for all its layers, both `[batch or 1, 1, seq, rotary
/// columns]`; `None` without rotary columns.
pub(super) struct RopeAngles(Option<[Tensor<4>; 2]>);

impl Rope {
    /// `share` is the default fraction of a head's columns that are rotated. `path` is the configuration, for errors.
    pub(super) fn new(config: &RopeConfig, head_dim: usize, share: f64, path: &Path) -> Result<Self, Error> {
        let parameters = config.rope_parameters.clone().or(config.rope_scaling.clone()).unwrap_or_default();
        let theta = parameters.rope_theta.or(config.rope_theta).or(config.rotary_emb_base).unwrap_or(10_000.0);
        let share = parameters.partial_rotary_factor.or(config.rotary_pct).unwrap_or(share);
        let rotary = (head_dim as f64 * share) as usize;
        let frequency = |pair: usize| 1.0 / (theta as f32).powf((2 * pair) as f32 / rotary as f32);
        let mut frequencies: Vec<f32> = (0..rotary / 2).map(frequency).collect();

        let need = |value: Option<f64>, name: &str| {
            value
                .map(|value| value as f32)
                .ok_or_else(|| Error::content(path, format!("the rope scaling needs `{name}`")))
        };
        let kind = parameters.rope_type.as_deref().or(parameters.old_type.as_deref()).unwrap_or("default");
        match kind {
            "default" => {}
            "linear" => {
                let factor = need(parameters.factor, "factor")?;
                frequencies.iter_mut().for_each(|frequency| *frequency /= factor);
            }
            "llama3" => {
                let length = parameters
                    .original_max_position_embeddings
                    .or(config.max_position_embeddings.map(|length| length as f64));
                let scaling = Llama3Scaling {
                    factor: need(parameters.factor, "factor")?,
                    low: need(parameters.low_freq_factor, "low_freq_factor")?,
                    high: need(parameters.high_freq_factor, "high_freq_factor")?,
                    length: need(length, "original_max_position_embeddings")?,
                };
                frequencies.iter_mut().for_each(|frequency| *frequency = scaling.scale(*frequency));
            }
            other => {
                let problem =
                    format!("rope scaling `{other}` is not supported; supported are: default, linear, llama3");
                return Err(Error::content(path, problem));
            }
        }
        Ok(Self { frequencies })
    }

    /// The angles at the context's positions.
    pub(super) fn at(&self, context: &Context, dtype: DType, device: &Device) -> RopeAngles {
        if self.frequencies.is_empty() {
            return RopeAngles(None);
        }
        let rows = if context.is_uniform() { &context.positions()[..1] } else { context.positions() };
        let shape = [rows.len(), 1, rows[0].len(), 2 * self.frequencies.len()];
        let mut cos = Vec::with_capacity(shape.iter().product());
        let mut sin = cos.clone();
        for position in rows.iter().flatten() {
            // Padding is masked out, so its angle is irrelevant.
            let angles = self.frequencies.iter().map(|frequency| (*position).max(0) as f32 * frequency);
            cos.extend(angles.clone().map(f32::cos));
            cos.extend_from_within(cos.len() - self.frequencies.len()..);
            sin.extend(angles.map(f32::sin));
            sin.extend_from_within(sin.len() - self.frequencies.len()..);
        }
        let tensor = |values| Tensor::from_data(TensorData::new(values, shape), (device, dtype));
        RopeAngles(Some([tensor(cos), tensor(sin)]))
    }
}

impl RopeAngles {
    /// Rotates the first columns of each head; the other columns stay as they are.
    ///
    /// # Shapes
    /// - x, output: `[batch, heads, seq, head_dim]`
    pub(super) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let Some([cos, sin]) = &self.0 else { return x };
        let (head_dim, rotary) = (x.dims()[3], cos.dims()[3]);
        let rotate = |x: Tensor<4>| {
            let left = x.clone().narrow(3, 0, rotary / 2);
            let right = x.clone().narrow(3, rotary / 2, rotary / 2);
            let quarter_turn = Tensor::cat(vec![-right, left], 3);
            x * cos.clone() + quarter_turn * sin.clone()
        };
        if rotary == head_dim {
            return rotate(x);
        }
        let rest = x.clone().narrow(3, rotary, head_dim - rotary);
        Tensor::cat(vec![rotate(x.narrow(3, 0, rotary)), rest], 3)
    }
}

/// Llama 3.1's scaling: long wavelengths are multiplied by `factor`, short ones are unchanged, those between are
/// interpolated.
struct Llama3Scaling {
    factor: f32,
    low: f32,
    high: f32,
    length: f32,
}

impl Llama3Scaling {
    fn scale(&self, frequency: f32) -> f32 {
        let wavelength = TAU / frequency;
        if wavelength < self.length / self.high {
            frequency
        } else if wavelength > self.length / self.low {
            frequency / self.factor
        } else {
            let smooth = (self.length / wavelength - self.low) / (self.high - self.low);
            (1.0 - smooth) * frequency / self.factor + smooth * frequency
        }
    }
}
