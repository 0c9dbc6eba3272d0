//! What the frozen model makes of the pairs, computed once.
//!
//! An intervention at layer L and position p changes nothing below L, and in the layers above it changes nothing at
//! positions before p. So of each pair the base's states that enter the suffix at positions ≥ p, the keys and values of
//! the suffix's layers at positions < p, and the sources' rows are constants. A training step runs only the suffix on
//! the tail. Nothing is approximated.

use std::ops::Range;

use burn::tensor::{DType, Device, Int, Tensor, TensorData};

use super::step::{Batch, first_layer};
use super::target::Target;
use crate::data::Pair;
use crate::error::Error;
use crate::models::{Context, KeyValue, LanguageModel, Memory, PADDING};
use crate::tap::{Record, Rows, Site};

/// Prompts run through the model at once while the cache is filled.
const FILL: usize = 16;

/// One pair's tail: where it begins, how long it is, and which of its positions are rewritten.
#[derive(Clone, Debug)]
struct Tail {
    first: usize,
    length: usize,
    positions: Vec<usize>,
}

/// The constants of a set of pairs, on the device.
pub struct Cache {
    target: Target,
    heads: usize,
    tails: Vec<Tail>,
    labels: Vec<u32>,
    /// The variables that each pair swaps, by number.
    swapped: Vec<Vec<usize>>,
    /// Each variable's columns of the rotation.
    columns: Vec<Range<usize>>,
    /// `[pairs, longest tail, d_model]`
    hidden: Tensor<3>,
    /// Per source, `[pairs, units, width]`.
    sources: Vec<Tensor<3>>,
    /// Per layer from the suffix's first on, `[pairs, n_kv_heads, longest memory, head_dim]`.
    memory: Vec<KeyValue>,
    device: Device,
}

impl Cache {
    /// Runs the frozen model on every pair. `columns` gives each variable its columns of the rotation; `watch` sees how
    /// many pairs are done.
    pub fn fill(
        model: &dyn LanguageModel,
        target: &Target,
        pairs: &[Pair],
        columns: &[Range<usize>],
        device: &Device,
        watch: &mut dyn FnMut(usize),
    ) -> Result<Self, Error> {
        let n_sources = check(model, target, pairs, columns)?;
        let tails: Vec<Tail> = pairs.iter().map(Tail::of).collect();
        let longest = tails.iter().map(|tail| tail.length).max().unwrap_or(0);
        let before = tails.iter().map(|tail| tail.first).max().unwrap_or(0);
        let mut hidden = Vec::new();
        let mut sources = vec![Vec::new(); n_sources];
        let mut memory: Vec<(Vec<Tensor<4>>, Vec<Tensor<4>>)> = Vec::new();
        for (chunk, tails) in pairs.chunks(FILL).zip(tails.chunks(FILL)) {
            let (tail, layers) = base(model, target, chunk, tails, longest, before, device)?;
            hidden.push(tail);
            memory.resize(layers.len(), (Vec::new(), Vec::new()));
            for (all, layer) in memory.iter_mut().zip(layers) {
                all.0.push(layer.keys);
                all.1.push(layer.values);
            }
            for (at, rows) in sources.iter_mut().enumerate() {
                rows.push(source(model, target, chunk, at, device)?);
            }
            watch(chunk.len());
        }
        Ok(Self {
            target: target.clone(),
            heads: target.heads_of(model),
            labels: pairs.iter().map(|pair| pair.label).collect(),
            swapped: pairs.iter().map(|pair| pair.sources.iter().map(|(variable, _)| *variable).collect()).collect(),
            columns: columns.to_vec(),
            hidden: Tensor::cat(hidden, 0),
            sources: sources.into_iter().map(|rows| Tensor::cat(rows, 0)).collect(),
            memory: memory
                .into_iter()
                .map(|(keys, values)| KeyValue { keys: Tensor::cat(keys, 0), values: Tensor::cat(values, 0) })
                .collect(),
            tails,
            device: device.clone(),
        })
    }

    /// Where the intervention acts.
    #[must_use]
    pub fn site(&self) -> Site {
        self.target.site
    }

    /// The number of pairs.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tails.len()
    }

    /// Is there no pair?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tails.is_empty()
    }

    /// The bytes that the constants take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let numbers = |dims: &[usize]| dims.iter().product::<usize>();
        let memory = self.memory.iter().map(|layer| 2 * numbers(&layer.keys.dims()) * layer.keys.dtype().size());
        let sources = self.sources.iter().map(|rows| numbers(&rows.dims()) * rows.dtype().size());
        memory.sum::<usize>() + sources.sum::<usize>() + numbers(&self.hidden.dims()) * self.hidden.dtype().size()
    }

    /// The numbers of the pairs, by the variables that they swap; each group with the variables' numbers.
    #[must_use]
    pub fn groups(&self) -> Vec<(Vec<usize>, Vec<usize>)> {
        let mut groups: Vec<(Vec<usize>, Vec<usize>)> = Vec::new();
        for (pair, swapped) in self.swapped.iter().enumerate() {
            match groups.iter_mut().find(|(known, _)| known == swapped) {
                Some((_, pairs)) => pairs.push(pair),
                None => groups.push((swapped.clone(), vec![pair])),
            }
        }
        groups
    }

    /// The pairs of these numbers as a batch; all of them swap the same variables.
    pub fn batch(&self, pairs: &[usize]) -> Result<Batch, Error> {
        let tails: Vec<&Tail> = pairs.iter().map(|pair| &self.tails[*pair]).collect();
        let longest = tails.iter().map(|tail| tail.length).max().unwrap_or(0);
        let first: Vec<usize> = tails.iter().map(|tail| tail.first).collect();
        let lengths: Vec<usize> = tails.iter().map(|tail| tail.length).collect();
        let swapped = &self.swapped[pairs[0]];
        if let Some(other) = pairs.iter().find(|pair| self.swapped[**pair] != *swapped) {
            return Err(Error::Invalid(format!(
                "pairs {} and {other} of one batch swap different variables",
                pairs[0]
            )));
        }
        let pick = Pick::new(pairs, &self.device);
        let before = first.iter().copied().max().unwrap_or(0);
        let memory = if before == 0 {
            Memory::default()
        } else {
            let row = |first: &usize| (0..before).map(|at| if at < *first { at as i64 } else { PADDING }).collect();
            let layers = self.memory.iter().map(|layer| {
                let cut = |x: &Tensor<4>| pick.from(x.clone()).narrow(2, 0, before);
                Some(KeyValue { keys: cut(&layer.keys), values: cut(&layer.values) })
            });
            let skipped = vec![None; first_layer(self.target.site)];
            Memory::new(first.iter().map(row).collect(), skipped.into_iter().chain(layers).collect())
        };
        let rows = tails.iter().map(|tail| tail.positions.clone()).collect();
        let answers = tails.iter().map(|tail| vec![tail.length - 1]).collect();
        let labels: Vec<i64> = pairs.iter().map(|pair| i64::from(self.labels[*pair])).collect();
        Ok(Batch {
            hidden: pick.from(self.hidden.clone()).narrow(1, 0, longest),
            context: Context::tail(&first, &lengths, memory),
            rows: self.target.rows(rows, self.heads)?,
            sources: self
                .sources
                .iter()
                .zip(swapped)
                .map(|(rows, variable)| (pick.from(rows.clone()), self.columns[*variable].clone()))
                .collect(),
            answers: Rows::positions(answers)?,
            labels: Tensor::from_data(TensorData::new(labels, [pairs.len()]), &self.device),
        })
    }
}

/// Selects examples: a run of neighbours is a view, anything else a copy.
enum Pick {
    Run(usize, usize),
    Index(Box<Tensor<1, Int>>),
}

impl Pick {
    fn new(pairs: &[usize], device: &Device) -> Self {
        if pairs.windows(2).all(|two| two[0] + 1 == two[1]) {
            return Self::Run(pairs[0], pairs.len());
        }
        let index: Vec<i64> = pairs.iter().map(|pair| *pair as i64).collect();
        Self::Index(Box::new(Tensor::from_data(TensorData::new(index, [pairs.len()]), device)))
    }

    fn from<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Run(start, length) => x.narrow(0, *start, *length),
            Self::Index(index) => x.select(0, (**index).clone()),
        }
    }
}

impl Tail {
    fn of(pair: &Pair) -> Self {
        let first = pair.base.positions.iter().copied().min().unwrap_or(0);
        Self {
            first,
            length: pair.base.tokens.len() - first,
            positions: pair.base.positions.iter().map(|position| position - first).collect(),
        }
    }
}

/// What has to hold of the pairs before anything runs; the number of sources of each.
fn check(model: &dyn LanguageModel, target: &Target, pairs: &[Pair], columns: &[Range<usize>]) -> Result<usize, Error> {
    let n_sources = pairs.first().map_or(0, |pair| pair.sources.len());
    if n_sources == 0 {
        return Err(Error::Invalid("there is no pair to intervene on, or it has no source".to_owned()));
    }
    target.check(model)?;
    for (at, pair) in pairs.iter().enumerate() {
        let wrong = |problem: String| Err(Error::Invalid(format!("pair {at}: {problem}")));
        if pair.sources.len() != n_sources {
            return wrong(format!("it has {} sources and pair 0 has {n_sources}", pair.sources.len()));
        }
        if pair.base.positions.is_empty() {
            return wrong("no position of the base is named".to_owned());
        }
        if pair.label as usize >= model.vocab_size() {
            return wrong(format!("the label {} is not in the vocabulary of {}", pair.label, model.vocab_size()));
        }
        if let Some((variable, _)) = pair.sources.iter().find(|(variable, _)| *variable >= columns.len()) {
            return wrong(format!("there are {} variables and no number {variable}", columns.len()));
        }
        for prompt in std::iter::once(&pair.base).chain(pair.sources.iter().map(|(_, source)| source)) {
            let length = prompt.tokens.len();
            if let Some(position) = prompt.positions.iter().find(|position| **position >= length) {
                return wrong(format!("position {position} is past the end of a prompt of {length} tokens"));
            }
            if prompt.positions.len() != pair.base.positions.len() {
                return wrong("base and source name a different number of positions".to_owned());
            }
            if model.max_positions().is_some_and(|most| length > most) {
                return wrong(format!("{length} tokens are more than the model has positions"));
            }
        }
    }
    Ok(n_sources)
}

/// The base's tails and, for each layer of the suffix, its keys and values before them, padded to the whole cache's size.
fn base(
    model: &dyn LanguageModel,
    target: &Target,
    pairs: &[Pair],
    tails: &[Tail],
    longest: usize,
    before: usize,
    device: &Device,
) -> Result<(Tensor<3>, Vec<KeyValue>), Error> {
    let first = first_layer(target.site);
    let prompts: Vec<&[u32]> = pairs.iter().map(|pair| &pair.base.tokens[..]).collect();
    let (tokens, mut context) = padded(&prompts, device);
    let hidden = model.embed(tokens, &context);
    let hidden = model.layers(hidden, 0..first, &mut context, &mut ());
    // Past its end a tail repeats its last token: whatever stands there is padding.
    let tail = |tail: &Tail| (0..longest).map(|at| tail.first + at.min(tail.length - 1)).collect();
    let entering = Rows::positions(tails.iter().map(tail).collect())?.gather(hidden.clone());
    let begins: Vec<usize> = tails.iter().map(|tail| tail.first).collect();
    let here = begins.iter().copied().max().unwrap_or(0);
    if before == 0 {
        return Ok((entering, Vec::new()));
    }
    // Only the tokens before the tails have keys and values to keep; a chunk without any runs one token for the shape.
    let run = here.max(1);
    let mut context = Context::of_lengths(&begins.iter().map(|begin| (*begin).max(1)).collect::<Vec<_>>()).keeping();
    model.layers(hidden.narrow(1, 0, run), first..model.n_layers(), &mut context, &mut ());
    let memory = context.into_memory();
    let layers = (first..model.n_layers()).map(|layer| {
        let kept = memory.layer(layer).expect("the layer has just run");
        KeyValue { keys: widen(kept.keys.clone(), before), values: widen(kept.values.clone(), before) }
    });
    Ok((entering, layers.collect()))
}

/// The rows of one of the pairs' sources at the site.
fn source(
    model: &dyn LanguageModel,
    target: &Target,
    pairs: &[Pair],
    which: usize,
    device: &Device,
) -> Result<Tensor<3>, Error> {
    let prompts: Vec<&[u32]> = pairs.iter().map(|pair| &pair.sources[which].1.tokens[..]).collect();
    let positions = pairs.iter().map(|pair| pair.sources[which].1.positions.clone()).collect();
    let (tokens, mut context) = padded(&prompts, device);
    let mut record = Record::new(target.site, target.rows(positions, target.heads_of(model))?);
    let hidden = model.embed(tokens, &context);
    model.layers(hidden, 0..target.site.layer + 1, &mut context, &mut record);
    Ok(record.take()?.cast(DType::F32))
}

/// Prompts as one tensor, padded on the right.
pub(super) fn padded(prompts: &[&[u32]], device: &Device) -> (Tensor<2, Int>, Context) {
    let lengths: Vec<usize> = prompts.iter().map(|prompt| prompt.len()).collect();
    let longest = lengths.iter().copied().max().unwrap_or(0);
    let row = |prompt: &&[u32]| (0..longest).map(|at| prompt.get(at).map_or(0, |token| i64::from(*token))).collect();
    let tokens: Vec<Vec<i64>> = prompts.iter().map(row).collect();
    let tokens = TensorData::new(tokens.concat(), [prompts.len(), longest]);
    (Tensor::from_data(tokens, device), Context::of_lengths(&lengths))
}

/// Zeros behind the keys or values, up to a number of positions; what stands there is never seen.
fn widen(x: Tensor<4>, positions: usize) -> Tensor<4> {
    let [batch, heads, length, width] = x.dims();
    if length == positions {
        return x;
    }
    let zeros = Tensor::zeros([batch, heads, positions - length, width], (&x.device(), x.dtype()));
    Tensor::cat(vec![x, zeros], 2)
}
