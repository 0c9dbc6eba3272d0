//! What the frozen model makes of the pairs, computed once.
//!
//! An intervention at layer L and position p changes nothing below L, and in the layers above it changes nothing at
//! positions before p. So of each pair the base's states that enter the suffix at positions ≥ p, the keys and values of
//! the suffix's layers at positions < p, and the sources' rows are constants. A training step runs only the suffix on
//! the tail. Nothing is approximated.

use std::ops::Range;

use burn::tensor::{Device, Tensor, TensorData};

use super::fill::{self, FILL, Pick, Prefixes, memory};
use super::step::{Batch, first_layer};
use super::target::Target;
use crate::data::Pair;
use crate::error::Error;
use crate::models::{Context, KeyValue, LanguageModel};
use crate::tap::{Rows, Site};

/// One pair's tail: where it begins, how long it is, and which of its positions are rewritten.
#[derive(Clone, Debug)]
pub(super) struct Tail {
    pub first: usize,
    pub length: usize,
    pub positions: Vec<usize>,
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
    /// Which of the different beginnings each pair has before its tail.
    prefix: Vec<usize>,
    /// Per layer from the suffix's first on, `[beginnings, n_kv_heads, longest beginning, head_dim]`.
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
        let prefixes = Prefixes::run(model, pairs, &tails, device)?;
        let mut hidden = Vec::new();
        for start in (0..pairs.len()).step_by(FILL) {
            let range = start..pairs.len().min(start + FILL);
            hidden.push(fill::tails(model, target, pairs, &tails, &prefixes, range.clone(), device)?);
            watch(range.len());
        }
        let sources = (0..n_sources).map(|at| fill::source(model, target, pairs, at, device));
        Ok(Self {
            target: target.clone(),
            heads: target.heads_of(model),
            labels: pairs.iter().map(|pair| pair.label).collect(),
            swapped: pairs.iter().map(|pair| pair.sources.iter().map(|(variable, _)| *variable).collect()).collect(),
            columns: columns.to_vec(),
            hidden: Tensor::cat(hidden, 0),
            sources: sources.collect::<Result<_, _>>()?,
            memory: prefixes.layers.into_iter().skip(first_layer(target.site)).collect(),
            prefix: prefixes.of,
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
        let prefix: Vec<usize> = pairs.iter().map(|pair| self.prefix[*pair]).collect();
        let skipped = first_layer(self.target.site);
        let memory = memory(&self.memory, skipped, &first, &Pick::new(&prefix, &self.device));
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
