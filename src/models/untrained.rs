//! Random initial weights, as transformers' `_init_weights` draws them.

use std::path::{Path, PathBuf};

use burn::tensor::DType;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::Deserialize;

use super::checkpoint::read_json;
use super::request::{Initial, TensorRequest};
use crate::error::Error;
use crate::orthogonal::gaussian;

/// The values that are drawn from one random stream.
const CHUNK: usize = 1 << 16;

/// The default of `initializer_range`, the same in every family.
const INITIALIZER_RANGE: f64 = 0.02;

#[derive(Deserialize)]
struct Settings {
    initializer_range: Option<f64>,
    pad_token_id: Option<i64>,
    dtype: Option<String>,
    torch_dtype: Option<String>,
}

/// Draws the tensors of an untrained model on the host: a seed gives the same weights on every device.
pub(super) struct Untrained {
    /// The `config.json` that was read.
    pub path: PathBuf,
    /// The type that the trained weights are stored in, by `config.json`.
    pub dtype: DType,
    seed: u64,
    /// The standard deviation of linear and embedding matrices.
    deviation: f64,
    /// The row of the token embedding that is zero.
    padding: Option<i64>,
}

impl Untrained {
    /// Reads what `config.json` says about initial weights.
    pub fn new(config: &Path, seed: u64) -> Result<Self, Error> {
        let settings: Settings = read_json(config)?;
        let dtype = match settings.dtype.or(settings.torch_dtype).as_deref() {
            Some("bfloat16") => DType::BF16,
            Some("float16") => DType::F16,
            _ => DType::F32,
        };
        // As in transformers, 0 stands for the default.
        let deviation = settings.initializer_range.filter(|range| *range != 0.0).unwrap_or(INITIALIZER_RANGE);
        Ok(Self { path: config.to_owned(), dtype, seed, deviation, padding: settings.pad_token_id })
    }

    /// The values of the model's tensor number `tensor` in order, each passed through `encode`.
    pub fn values<T: Clone + Send>(
        &self,
        request: &TensorRequest,
        tensor: usize,
        encode: impl Fn(f32) -> T + Sync,
    ) -> Vec<T> {
        let shape = request.shape();
        let count = shape.iter().product();
        let deviation = match request.initial {
            Initial::Constant(value) => return vec![encode(value); count],
            Initial::Normal(factor) => self.deviation * factor,
            Initial::PaddedEmbedding => self.deviation,
        };
        let mut values = vec![encode(0.0); count];
        values.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, values)| {
            let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
            // Streams below 2³² are left to other uses of the same seed.
            rng.set_stream((tensor as u64 + 1) << 32 | chunk as u64);
            let drawn = gaussian(values.len(), &mut rng);
            values.iter_mut().zip(drawn).for_each(|(value, x)| *value = encode((deviation * x) as f32));
        });
        if let (Initial::PaddedEmbedding, Some(token)) = (request.initial, self.padding) {
            // A negative index counts from the end, as in PyTorch.
            let row = if token < 0 { token + shape[0] as i64 } else { token };
            let width = count / shape[0].max(1);
            if (0..shape[0] as i64).contains(&row) {
                values[row as usize * width..][..width].fill(encode(0.0));
            }
        }
        values
    }
}
