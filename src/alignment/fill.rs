//! Filling the cache: every different piece of the prompts runs through the frozen model once.
//!
//! The model is causal. Pairs whose bases begin alike share the keys and values of what comes before their tails, and a
//! source is read no further than the tokens that are meant, so sources that begin alike are one.

use std::collections::BTreeMap;
use std::ops::Range;

use burn::tensor::{DType, Device, Int, Tensor, TensorData};

use super::cache::Tail;
use super::step::first_layer;
use super::target::Target;
use crate::data::Pair;
use crate::error::Error;
use crate::models::{Context, KeyValue, LanguageModel, Memory, PADDING};
use crate::tap::{Record, Rows};

/// Prompts that run through the model at once.
pub(super) const FILL: usize = 16;

/// What comes before the tails: the keys and values of each different beginning.
pub(super) struct Prefixes {
    /// Which beginning each pair has.
    pub of: Vec<usize>,
    /// Per layer of the model, `[beginnings, n_kv_heads, longest beginning, head_dim]`; empty where no pair has one.
    pub layers: Vec<KeyValue>,
}

impl Prefixes {
    /// Runs each different beginning once.
    pub fn run(model: &dyn LanguageModel, pairs: &[Pair], tails: &[Tail], device: &Device) -> Result<Self, Error> {
        let begins = pairs.iter().zip(tails).map(|(pair, tail)| &pair.base.tokens[..tail.first]);
        let (of, different) = distinct(begins);
        let before = different.iter().map(|tokens| tokens.len()).max().unwrap_or(0);
        if before == 0 {
            return Ok(Self { of, layers: Vec::new() });
        }
        let mut layers = vec![(Vec::new(), Vec::new()); model.n_layers()];
        for chunk in different.chunks(FILL) {
            // A beginning without tokens runs one for the shape; nobody looks at it.
            let chunk: Vec<&[u32]> =
                chunk.iter().map(|tokens| if tokens.is_empty() { &[0][..] } else { *tokens }).collect();
            let (tokens, context) = padded(&chunk, device);
            let mut context = context.keeping();
            let hidden = model.embed(tokens, &context);
            model.layers(hidden, 0..model.n_layers(), &mut context, &mut ());
            let kept = context.into_memory();
            for (layer, (keys, values)) in layers.iter_mut().enumerate() {
                let kept = kept.layer(layer).expect("every layer has just run");
                keys.push(widen(kept.keys.clone(), before));
                values.push(widen(kept.values.clone(), before));
            }
        }
        let whole = |(keys, values)| KeyValue { keys: Tensor::cat(keys, 0), values: Tensor::cat(values, 0) };
        Ok(Self { of, layers: layers.into_iter().map(whole).collect() })
    }
}

/// The states of a range of the pairs that enter the suffix: `[range, longest tail, d_model]`.
pub(super) fn tails(
    model: &dyn LanguageModel,
    target: &Target,
    pairs: &[Pair],
    tails: &[Tail],
    prefixes: &Prefixes,
    range: Range<usize>,
    device: &Device,
) -> Result<Tensor<3>, Error> {
    let longest = tails.iter().map(|tail| tail.length).max().unwrap_or(0);
    let (pairs, tails) = (&pairs[range.clone()], &tails[range.clone()]);
    let first: Vec<usize> = tails.iter().map(|tail| tail.first).collect();
    let lengths: Vec<usize> = tails.iter().map(|tail| tail.length).collect();
    let prompts: Vec<&[u32]> = pairs.iter().zip(&first).map(|(pair, first)| &pair.base.tokens[*first..]).collect();
    let (tokens, _) = padded(&prompts, device);
    let pick = Pick::new(&prefixes.of[range], device);
    let mut context = Context::tail(&first, &lengths, memory(&prefixes.layers, 0, &first, &pick));
    let hidden = model.embed(tokens, &context);
    let hidden = model.layers(hidden, 0..first_layer(target.site), &mut context, &mut ());
    // Past its end a tail repeats its last token: whatever stands there is padding.
    let row = |length: &usize| (0..longest).map(|at| at.min(length - 1)).collect();
    Ok(Rows::positions(lengths.iter().map(row).collect())?.gather(hidden))
}

/// The rows of one of the pairs' sources at the site, f32, `[pairs, units, width]`.
pub(super) fn source(
    model: &dyn LanguageModel,
    target: &Target,
    pairs: &[Pair],
    which: usize,
    device: &Device,
) -> Result<Tensor<3>, Error> {
    let read = pairs.iter().map(|pair| {
        let prompt = &pair.sources[which].1;
        let last = prompt.positions.iter().max().map_or(0, |last| last + 1);
        (&prompt.tokens[..last], &prompt.positions)
    });
    let (of, different) = distinct(read);
    let mut rows = Vec::new();
    for chunk in different.chunks(FILL) {
        let prompts: Vec<&[u32]> = chunk.iter().map(|(tokens, _)| *tokens).collect();
        let positions = chunk.iter().map(|(_, positions)| (*positions).clone()).collect();
        let (tokens, mut context) = padded(&prompts, device);
        let mut record = Record::new(target.site, target.rows(positions, target.heads_of(model))?);
        let hidden = model.embed(tokens, &context);
        model.layers(hidden, 0..target.site.layer + 1, &mut context, &mut record);
        rows.push(record.take()?.cast(DType::F32));
    }
    Ok(Pick::new(&of, device).from(Tensor::cat(rows, 0)))
}

/// The keys and values before tails that begin at `first`, of the layers after `skipped` ones; `pick` says whose.
pub(super) fn memory(layers: &[KeyValue], skipped: usize, first: &[usize], pick: &Pick) -> Memory {
    let before = first.iter().copied().max().unwrap_or(0);
    if before == 0 {
        return Memory::default();
    }
    let row = |first: &usize| (0..before).map(|at| if at < *first { at as i64 } else { PADDING }).collect();
    let layers = layers.iter().map(|layer| {
        let cut = |x: &Tensor<4>| pick.from(x.clone()).narrow(2, 0, before);
        Some(KeyValue { keys: cut(&layer.keys), values: cut(&layer.values) })
    });
    Memory::new(first.iter().map(row).collect(), vec![None; skipped].into_iter().chain(layers).collect())
}

/// Which of the different items each is, and the different ones in the order in which they first come.
fn distinct<T: Ord + Copy>(items: impl Iterator<Item = T>) -> (Vec<usize>, Vec<T>) {
    let (mut numbers, mut different) = (BTreeMap::new(), Vec::new());
    let number = |item: T| {
        *numbers.entry(item).or_insert_with(|| {
            different.push(item);
            different.len() - 1
        })
    };
    (items.map(number).collect(), different)
}

/// Selects examples: a run of neighbours is a view, anything else a copy.
pub(super) enum Pick {
    Run(usize, usize),
    Index(Box<Tensor<1, Int>>),
}

impl Pick {
    pub fn new(pairs: &[usize], device: &Device) -> Self {
        if pairs.windows(2).all(|two| two[0] + 1 == two[1]) {
            return Self::Run(pairs[0], pairs.len());
        }
        let index: Vec<i64> = pairs.iter().map(|pair| *pair as i64).collect();
        Self::Index(Box::new(Tensor::from_data(TensorData::new(index, [pairs.len()]), device)))
    }

    pub fn from<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Run(start, length) => x.narrow(0, *start, *length),
            Self::Index(index) => x.select(0, (**index).clone()),
        }
    }
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
