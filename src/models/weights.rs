//! Builds a language model from its configuration and, by the names of their tensors, its layers.

use std::ops::Range;
use std::path::{Path, PathBuf};

use burn::tensor::{DType, Device, Element, Tensor, TensorData};
use half::{bf16, f16};
use safetensors::Dtype as Stored;
use serde::de::DeserializeOwned;

use super::checkpoint::{Checkpoint, read_json};
use super::dtype::Dtype;
use super::linear::{LayerNorm, Linear, RmsNorm};
use super::request::{Initial, Selection, TensorRequest};
use super::room::MemoryNeeds;
use super::untrained::Untrained;
use crate::error::Error;

/// The source of a model's weights.
pub(super) enum WeightSource {
    /// The tensors of a checkpoint.
    Checkpoint(Checkpoint),
    /// Random initial weights.
    Untrained(Untrained),
}

/// The inputs that a language model is built from.
pub(super) struct Loader {
    /// The model's `config.json`.
    pub path: PathBuf,
    pub source: WeightSource,
    pub dtype: Dtype,
    pub device: Device,
}

impl Loader {
    /// Reads the configuration.
    pub fn config<C: DeserializeOwned>(&self) -> Result<C, Error> {
        read_json(&self.path)
    }

    /// Runs a family's constructor twice: the first run checks the name, shape and dtype of every tensor and reads nothing,
    /// the second reads the tensors one by one. So every tensor that is read was checked.
    ///
    /// Names in a checkpoint may come with or without `prefix`.
    pub fn build<T>(&self, prefix: &'static str, build: impl Fn(&mut Weights) -> T) -> Result<T, Error> {
        let mut weights = Weights { loader: self, prefix, checks: Some(Default::default()), tensors: 0 };
        build(&mut weights);
        let (problems, needs) = weights.checks.take().unwrap_or_default();
        let path = self.source.path();
        if let Some(first) = problems.first() {
            let more = match problems.len() - 1 {
                0 => String::new(),
                more => format!(" (and {more} more such problems)"),
            };
            return Err(Error::content(path, format!("{first}{more}")));
        }
        needs.check(path, &self.device)?;
        needs.reading(path, &self.device, || build(&mut weights))
    }
}

/// Builds the layers of a family.
pub(super) struct Weights<'a> {
    loader: &'a Loader,
    prefix: &'static str,
    /// In the first run: the problems so far, and what the device will have to hold.
    checks: Option<(Vec<String>, MemoryNeeds)>,
    /// The number of tensors read so far.
    tensors: usize,
}

impl Weights<'_> {
    /// True if the checkpoint has a tensor of that name.
    pub(super) fn has(&self, name: &str) -> bool {
        matches!(&self.loader.source, WeightSource::Checkpoint(checkpoint) if checkpoint.find(self.prefix, name).is_some())
    }

    /// The tensor of a request, on the device.
    fn get<const D: usize>(&mut self, request: &TensorRequest, dtype: Dtype) -> Tensor<D> {
        let shape = request.shape();
        let target = match dtype {
            Dtype::F32 => DType::F32,
            Dtype::BF16 => DType::BF16,
            Dtype::F16 => DType::F16,
            Dtype::Keep => self.loader.source.dtype(self.prefix, request.name),
        };
        if let Some((problems, needs)) = &mut self.checks {
            if let WeightSource::Checkpoint(checkpoint) = &self.loader.source {
                problems.extend(checkpoint.problem(self.prefix, request));
            }
            needs.add(&shape, target);
            return Tensor::zeros([1; D], &Device::flex());
        }
        let data = match target {
            DType::F32 => TensorData::new(self.values(request, |x| x), shape),
            DType::BF16 => TensorData::new(self.values(request, bf16::from_f32), shape),
            _ => TensorData::new(self.values(request, f16::from_f32), shape),
        };
        self.tensors += 1;
        Tensor::from_data(data, (&self.loader.device, target))
    }

    fn values<T: Element + Send>(&self, request: &TensorRequest, encode: impl Fn(f32) -> T + Sync) -> Vec<T> {
        match &self.loader.source {
            WeightSource::Checkpoint(checkpoint) => {
                let stored = checkpoint.find(self.prefix, request.name).expect("the first run found every tensor");
                checkpoint.values(stored, &request.selection, encode)
            }
            WeightSource::Untrained(untrained) => untrained.values(request, self.tensors, encode),
        }
    }

    /// A whole tensor in the model's dtype.
    fn whole<const D: usize>(&mut self, name: &str, shape: [usize; D], initial: Initial) -> Tensor<D> {
        self.get(&TensorRequest { name, stored: &shape, selection: Selection::Whole, initial }, self.loader.dtype)
    }

    /// An embedding table, `name.weight`: `[rows, width]`.
    pub(super) fn embedding(&mut self, name: &str, rows: usize, width: usize) -> Tensor<2> {
        self.whole(&format!("{name}.weight"), [rows, width], Initial::Normal(1.0))
    }

    /// An embedding table of tokens; in transformers it has the padding token as its `padding_idx`.
    pub(super) fn padded_embedding(&mut self, name: &str, rows: usize, width: usize) -> Tensor<2> {
        self.whole(&format!("{name}.weight"), [rows, width], Initial::PaddedEmbedding)
    }

    /// The head over the vocabulary: the token embedding itself where it is `tied`, else `name.weight`.
    pub(super) fn head(&mut self, name: &str, tokens: &Tensor<2>, tied: bool, [out, input]: [usize; 2]) -> Linear {
        match tied {
            true => Linear { weight: tokens.clone(), bias: None },
            false => self.linear(name, input, out, false),
        }
    }

    /// A linear layer as PyTorch stores it: `name.weight` is `[out, in]`.
    pub(super) fn linear(&mut self, name: &str, input: usize, out: usize, bias: bool) -> Linear {
        self.linear_part(name, input, out, Selection::Whole, bias)
    }

    /// The outputs `rows` of a linear layer with `out` outputs, in that order.
    pub(super) fn linear_rows(&mut self, name: &str, input: usize, out: usize, rows: Vec<usize>, bias: bool) -> Linear {
        self.linear_part(name, input, out, Selection::Rows(rows), bias)
    }

    fn linear_part(&mut self, name: &str, input: usize, out: usize, selection: Selection, bias: bool) -> Linear {
        let weight = TensorRequest {
            name: &format!("{name}.weight"),
            stored: &[out, input],
            selection: selection.clone(),
            initial: Initial::Normal(1.0),
        };
        let weight = self.get(&weight, self.loader.dtype);
        let bias = bias.then(|| self.bias(name, out, selection));
        Linear { weight, bias }
    }

    /// The outputs `columns` of GPT-2's Conv1D with `out` outputs, whose weight is stored `[in, out]`. Its initial
    /// standard deviation is `initializer_range` times `factor`.
    pub(super) fn conv1d(
        &mut self,
        name: &str,
        input: usize,
        out: usize,
        columns: Range<usize>,
        factor: f64,
    ) -> Linear {
        let rows = Selection::Rows(columns.clone().collect());
        let weight = TensorRequest {
            name: &format!("{name}.weight"),
            stored: &[input, out],
            selection: Selection::Columns(columns),
            initial: Initial::Normal(factor),
        };
        Linear { weight: self.get(&weight, self.loader.dtype), bias: Some(self.bias(name, out, rows)) }
    }

    fn bias(&mut self, name: &str, out: usize, selection: Selection) -> Tensor<1> {
        let name = &format!("{name}.bias");
        self.get(&TensorRequest { name, stored: &[out], selection, initial: Initial::Constant(0.0) }, self.loader.dtype)
    }

    pub(super) fn layer_norm(&mut self, name: &str, width: usize, epsilon: f64) -> LayerNorm {
        let weight = self.whole(&format!("{name}.weight"), [width], Initial::Constant(1.0));
        let bias = self.whole(&format!("{name}.bias"), [width], Initial::Constant(0.0));
        LayerNorm { weight, bias, epsilon }
    }

    /// The weight is f32 whatever the model's dtype, plus `offset` (Gemma stores weight − 1).
    pub(super) fn rms_norm(&mut self, name: &str, width: usize, epsilon: f64, offset: f32) -> RmsNorm {
        let request = TensorRequest {
            name: &format!("{name}.weight"),
            stored: &[width],
            selection: Selection::Whole,
            initial: Initial::Constant(1.0 - offset),
        };
        let weight: Tensor<1> = self.get(&request, Dtype::F32);
        let weight = if offset == 0.0 { weight } else { weight + offset };
        RmsNorm { weight, epsilon }
    }
}

impl WeightSource {
    /// The file that errors name.
    fn path(&self) -> &Path {
        match self {
            Self::Checkpoint(checkpoint) => &checkpoint.path,
            Self::Untrained(untrained) => &untrained.path,
        }
    }

    /// The type that a tensor is stored in.
    fn dtype(&self, prefix: &str, name: &str) -> DType {
        match self {
            Self::Checkpoint(checkpoint) => match checkpoint.find(prefix, name).map(|stored| stored.dtype) {
                Some(Stored::F32) => DType::F32,
                Some(Stored::BF16) => DType::BF16,
                _ => DType::F16,
            },
            Self::Untrained(untrained) => untrained.dtype,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The weights of an untrained model whose configuration is `config`.
    fn untrained<T>(config: &str, seed: u64, build: impl Fn(&mut Weights) -> T) -> T {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        std::fs::write(&path, config).unwrap();
        let source = WeightSource::Untrained(Untrained::new(&path, seed).unwrap());
        Loader { path, source, dtype: Dtype::Keep, device: Device::flex() }.build("", build).unwrap()
    }

    fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
        tensor.into_data().iter::<f64>().collect()
    }

    #[track_caller]
    fn assert_normal(values: &[f64], deviation: f64) {
        let moment = |power: i32| values.iter().map(|x| (x / deviation).powi(power)).sum::<f64>() / values.len() as f64;
        // The standard errors of the moments are 1, √2, √15 and √96 over √n.
        let error = (values.len() as f64).sqrt().recip();
        for (power, expected, size) in [(1, 0.0, 1.0), (2, 1.0, 1.42), (3, 0.0, 3.88), (4, 3.0, 9.8)] {
            let moment = moment(power);
            assert!((moment - expected).abs() < 5.0 * size * error, "moment {power} is {moment}");
        }
    }

    #[test]
    fn initial_matrices_are_normal_biases_zero_and_norms_one() {
        let (first, second, half) = untrained(r#"{"initializer_range": 0.25}"#, 3, |weights| {
            let linear = |weights: &mut Weights| weights.linear("proj", 500, 400, true);
            (linear(weights), linear(weights), weights.conv1d("c_proj", 500, 400, 0..400, 0.5))
        });
        let [first, second] = [first, second].map(|linear| (values(linear.weight), values(linear.bias.unwrap())));
        assert_normal(&first.0, 0.25);
        assert_normal(&second.0, 0.25);
        assert_normal(&values(half.weight), 0.125);
        assert!(first.1.iter().all(|x| *x == 0.0) && first.1.len() == 400);
        let product: Vec<f64> = first.0.iter().zip(&second.0).map(|(a, b)| a * b).collect();
        let correlation = product.iter().sum::<f64>() / product.len() as f64 / 0.0625;
        assert!(correlation.abs() < 5.0 / (product.len() as f64).sqrt(), "two tensors correlate by {correlation}");

        let (layer, rms, gemma) = untrained("{}", 3, |weights| {
            let rms = |weights: &mut Weights, offset| weights.rms_norm("norm", 7, 1e-6, offset).weight;
            (weights.layer_norm("norm", 7, 1e-5), rms(weights, 0.0), rms(weights, 1.0))
        });
        assert_eq!((values(layer.weight), values(layer.bias)), (vec![1.0; 7], vec![0.0; 7]));
        assert_eq!((values(rms), values(gemma)), (vec![1.0; 7], vec![1.0; 7]));
    }

    #[test]
    fn the_padding_token_has_a_zero_embedding_and_the_default_deviation_is_that_of_transformers() {
        for (token, row) in [("3", 3), ("-1", 99), ("null", 100), ("100", 100)] {
            let config = format!("{{\"pad_token_id\": {token}, \"torch_dtype\": \"bfloat16\"}}");
            let table = untrained(&config, 0, |weights| weights.padded_embedding("embed_tokens", 100, 1000));
            assert_eq!(table.dtype(), DType::BF16);
            let mut table = values(table);
            let zeros: Vec<usize> =
                (0..100).filter(|row| table[row * 1000..][..1000].iter().all(|x| *x == 0.0)).collect();
            assert_eq!(zeros, (0..100).filter(|at| *at == row).collect::<Vec<_>>());
            table.retain(|x| *x != 0.0);
            assert_normal(&table, 0.02);
        }
    }
}
