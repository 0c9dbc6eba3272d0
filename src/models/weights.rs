//! From a checkpoint's tensors to a model's: everything is checked before anything is read.

use std::fmt;
use std::str::FromStr;

use burn::tensor::{DType, Device, Element, Tensor, TensorData};
use half::{bf16, f16};
use rayon::prelude::*;
use safetensors::Dtype as Stored;

use super::checkpoint::{Checkpoint, Entry};
use super::linear::{LayerNorm, Linear, RmsNorm};
use super::room::Needs;
use crate::error::{Error, nearest};

/// The numbers that a model computes with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dtype {
    /// As the checkpoint holds them.
    Keep,
    /// 32 bits.
    #[default]
    F32,
    /// bfloat16.
    BF16,
    /// IEEE half precision.
    F16,
}

impl Dtype {
    const ALL: [(&'static str, Self); 4] =
        [("keep", Self::Keep), ("f32", Self::F32), ("bf16", Self::BF16), ("f16", Self::F16)];
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, _) = Self::ALL.into_iter().find(|(_, dtype)| dtype == self).expect("every dtype has a name");
        f.pad(name)
    }
}

impl FromStr for Dtype {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let found = Self::ALL.into_iter().find(|(known, _)| *known == name);
        found.map(|(_, dtype)| dtype).ok_or_else(|| Error::Unknown {
            what: "dtype",
            name: name.to_owned(),
            hint: nearest(name, Self::ALL.map(|(known, _)| known)),
        })
    }
}

/// Which part of a stored matrix is wanted.
#[derive(Clone, Debug)]
pub(super) enum Part {
    /// All of it.
    Whole,
    /// These rows, in this order (for a vector: these elements).
    Rows(Vec<usize>),
    /// `count` columns from `start` on, as rows: for weights stored `[in, out]`.
    Columns { start: usize, count: usize },
}

/// Reads a family's tensors. A family's constructor runs twice over it: first every tensor's name, shape and dtype is
/// checked and nothing is read, then they are read one by one. So what is checked is what is read.
pub(super) struct Weights<'a> {
    checkpoint: &'a Checkpoint,
    /// Names may come with or without this.
    prefix: &'static str,
    dtype: Dtype,
    device: &'a Device,
    /// While checking: what is wrong so far, and what the device will have to hold.
    problems: Option<(Vec<String>, Needs)>,
}

impl<'a> Weights<'a> {
    /// Runs `build` twice, to check and to read.
    pub(super) fn load<T>(
        checkpoint: &'a Checkpoint,
        prefix: &'static str,
        dtype: Dtype,
        device: &'a Device,
        build: impl Fn(&mut Weights) -> T,
    ) -> Result<T, Error> {
        let mut weights = Weights { checkpoint, prefix, dtype, device, problems: Some(Default::default()) };
        build(&mut weights);
        let (problems, needs) = weights.problems.take().unwrap_or_default();
        if let Some(first) = problems.first() {
            let more = match problems.len() - 1 {
                0 => String::new(),
                more => format!(" (and {more} more such problems)"),
            };
            return Err(Error::content(&checkpoint.path, format!("{first}{more}")));
        }
        needs.check(&checkpoint.path, device)?;
        needs.reading(&checkpoint.path, device, || build(&mut weights))
    }

    /// Is there a tensor of that name?
    pub(super) fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    fn find(&self, name: &str) -> Option<&'a Entry> {
        self.checkpoint.get(&format!("{}{name}", self.prefix)).or_else(|| self.checkpoint.get(name))
    }

    /// A whole tensor.
    pub(super) fn tensor<const D: usize>(&mut self, name: &str, shape: [usize; D]) -> Tensor<D> {
        self.part(name, &shape, &Part::Whole, shape, self.dtype)
    }

    /// A part of the tensor that is stored with shape `stored`.
    fn part<const D: usize>(
        &mut self,
        name: &str,
        stored: &[usize],
        part: &Part,
        shape: [usize; D],
        dtype: Dtype,
    ) -> Tensor<D> {
        let entry = self.find(name);
        let target = match (dtype, entry.map(|entry| entry.dtype)) {
            (Dtype::F32, _) | (Dtype::Keep, Some(Stored::F32)) => DType::F32,
            (Dtype::BF16, _) | (Dtype::Keep, Some(Stored::BF16)) => DType::BF16,
            _ => DType::F16,
        };
        if let Some((problems, needs)) = &mut self.problems {
            problems.extend(problem(name, stored, entry, self.checkpoint));
            needs.add(&shape, target);
            return Tensor::zeros([1; D], &Device::flex());
        }
        let entry = entry.expect("the first run over the constructor found every tensor");
        let bytes = self.checkpoint.bytes(entry);
        let data = match target {
            DType::F32 => decode(bytes, entry, part, |x| x, shape),
            DType::BF16 => decode(bytes, entry, part, bf16::from_f32, shape),
            _ => decode(bytes, entry, part, f16::from_f32, shape),
        };
        self.checkpoint.release(entry);
        Tensor::from_data(data, (self.device, target))
    }

    /// A linear layer as PyTorch stores it: `name.weight` is `[out, in]`.
    pub(super) fn linear(&mut self, name: &str, input: usize, output: usize, bias: bool) -> Linear {
        let weight = self.tensor(&format!("{name}.weight"), [output, input]);
        let bias = bias.then(|| self.tensor(&format!("{name}.bias"), [output]));
        Linear { weight, bias }
    }

    /// Some outputs of a linear layer of `outputs` outputs, in the given order.
    pub(super) fn linear_rows(
        &mut self,
        name: &str,
        input: usize,
        outputs: usize,
        rows: Vec<usize>,
        bias: bool,
    ) -> Linear {
        let count = rows.len();
        let part = Part::Rows(rows);
        let weight = self.part(&format!("{name}.weight"), &[outputs, input], &part, [count, input], self.dtype);
        let bias = bias.then(|| self.part(&format!("{name}.bias"), &[outputs], &part, [count], self.dtype));
        Linear { weight, bias }
    }

    /// `count` outputs from `start` on of GPT-2's Conv1D, whose weight is `[in, outputs]`.
    pub(super) fn conv1d(&mut self, name: &str, input: usize, outputs: usize, start: usize, count: usize) -> Linear {
        let columns = Part::Columns { start, count };
        let weight = self.part(&format!("{name}.weight"), &[input, outputs], &columns, [count, input], self.dtype);
        let rows = Part::Rows((start..start + count).collect());
        let bias = self.part(&format!("{name}.bias"), &[outputs], &rows, [count], self.dtype);
        Linear { weight, bias: Some(bias) }
    }

    pub(super) fn layer_norm(&mut self, name: &str, width: usize, epsilon: f64) -> LayerNorm {
        let weight = self.tensor(&format!("{name}.weight"), [width]);
        let bias = self.tensor(&format!("{name}.bias"), [width]);
        LayerNorm { weight, bias, epsilon }
    }

    /// The weight is f32 whatever the model's dtype, plus `offset` (Gemma stores weight - 1).
    pub(super) fn rms_norm(&mut self, name: &str, width: usize, epsilon: f64, offset: f32) -> RmsNorm {
        let weight: Tensor<1> = self.part(&format!("{name}.weight"), &[width], &Part::Whole, [width], Dtype::F32);
        let weight = if offset == 0.0 { weight } else { weight + offset };
        RmsNorm { weight, epsilon }
    }
}

/// What is wrong with a tensor, if anything is.
fn problem(name: &str, stored: &[usize], entry: Option<&Entry>, checkpoint: &Checkpoint) -> Option<String> {
    let Some(entry) = entry else {
        return Some(format!("tensor `{name}` is missing{}", nearest(name, checkpoint.names().into_iter().take(200))));
    };
    if !matches!(entry.dtype, Stored::F32 | Stored::BF16 | Stored::F16) {
        return Some(format!("tensor `{name}` holds {:?}: it should hold F32, BF16 or F16", entry.dtype));
    }
    (entry.shape != stored)
        .then(|| format!("tensor `{name}` has shape {:?}: by config.json it should have {stored:?}", entry.shape))
}

fn decode<T: Element + Send, const D: usize>(
    bytes: &[u8],
    entry: &Entry,
    part: &Part,
    encode: impl Fn(f32) -> T + Sync,
    shape: [usize; D],
) -> TensorData {
    let two = |i: usize| [bytes[2 * i], bytes[2 * i + 1]];
    let four = |i: usize| [bytes[4 * i], bytes[4 * i + 1], bytes[4 * i + 2], bytes[4 * i + 3]];
    let values = match entry.dtype {
        Stored::F32 => arrange(entry, part, |i| encode(f32::from_le_bytes(four(i)))),
        Stored::BF16 => arrange(entry, part, |i| encode(bf16::from_le_bytes(two(i)).to_f32())),
        _ => arrange(entry, part, |i| encode(f16::from_le_bytes(two(i)).to_f32())),
    };
    TensorData::new(values, shape)
}

/// The part's elements in order, each by its number in the stored tensor.
fn arrange<T: Send>(entry: &Entry, part: &Part, at: impl Fn(usize) -> T + Send + Sync) -> Vec<T> {
    let elements: usize = entry.shape.iter().product();
    let row = elements / entry.shape[0].max(1);
    match part {
        Part::Whole => (0..elements).into_par_iter().map(at).collect(),
        Part::Rows(rows) => (0..rows.len() * row).into_par_iter().map(|i| at(rows[i / row] * row + i % row)).collect(),
        Part::Columns { start, count } => {
            let input = entry.shape[0];
            (0..count * input).into_par_iter().map(|i| at(i % input * row + start + i / input)).collect()
        }
    }
}
