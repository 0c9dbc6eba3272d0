//! What the frozen model makes of the pairs, computed once.
//!
//! An intervention at layer L and position p changes nothing below L, and in the layers above it changes nothing at
//! positions before p. So of each pair the base's states that enter the suffix at positions ≥ p, the keys and values of
//! the suffix's layers at positions < p, and the sources' rows are constants. A training step runs only the suffix on
//! the tail. Nothing is approximated.

use std::collections::BTreeMap;
use std::rc::Rc;

use burn::tensor::{Device, Tensor, TensorData};

use super::plan::{Place, Plan, entry, first};
use super::shelf::{Home, Index};
use super::states::{States, Stored};
use super::step::{Batch, Part};
use super::storage::Storage;
use crate::data::{Pair, Prompt};
use crate::error::Error;
use crate::models::{Context, LanguageModel};
use crate::tap::Rows;

/// The constants of a set of pairs for one search.
pub struct Cache<'a> {
    pub(super) model: &'a dyn LanguageModel,
    /// None: they are computed for each batch.
    stored: Option<Rc<Stored>>,
    cell: Vec<Place>,
    /// The tokens that answers are asked among, in order.
    choices: Option<Vec<u32>>,
    /// What a pair that keeps its answer weighs in the loss, where the others weigh 1.
    isolation: f32,
    device: Device,
}

impl<'a> Cache<'a> {
    /// Runs the frozen model on the pairs of one search. `watch` sees how many prompts are done, of how many.
    pub fn fill(
        model: &'a dyn LanguageModel,
        places: &[Place],
        storage: &Storage,
        device: &Device,
        watch: &mut dyn FnMut(usize, usize),
    ) -> Result<Self, Error> {
        Ok(States::fill(model, &[places.to_vec()], storage, device, watch)?.cache(places))
    }

    pub(super) fn new(
        model: &'a dyn LanguageModel,
        stored: Option<Rc<Stored>>,
        cell: &[Place],
        device: &Device,
    ) -> Self {
        Self { model, stored, cell: cell.to_vec(), choices: None, isolation: 1.0, device: device.clone() }
    }

    /// The same, but answers are asked among these tokens alone, every label being one of them: the loss is over them,
    /// and the network says the one with the largest logit.
    pub fn among(mut self, choices: &[u32]) -> Result<Self, Error> {
        let mut sorted = choices.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        for (at, pair) in self.pairs().iter().enumerate() {
            if let Some(label) = pair.labels.iter().find(|label| sorted.binary_search(label).is_err()) {
                return Err(Error::Invalid(format!("pair {at}: its label, token {label}, is not among the answers")));
            }
        }
        self.choices = Some(sorted);
        Ok(self)
    }

    /// The same, but in the loss a pair that keeps its base's answer weighs so much, where one that changes it weighs 1:
    /// the loss of multi-task distributed alignment search (Huang et al. 2024, arXiv 2402.17700), where all weigh 1.
    #[must_use]
    pub fn weighing_isolation(mut self, weight: f64) -> Self {
        self.isolation = weight as f32;
        self
    }

    /// The pairs, with the positions of the first place.
    #[must_use]
    pub fn pairs(&self) -> &[Pair] {
        &self.cell[0].pairs
    }

    /// The number of pairs.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pairs().len()
    }

    /// Is there no pair?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs().is_empty()
    }

    /// The number of tokens in the longest tail.
    pub(super) fn longest(&self) -> usize {
        let length = |(at, pair): (usize, &Pair)| pair.base.tokens.len() - first(&self.cell, at);
        self.pairs().iter().enumerate().map(length).max().unwrap_or(1)
    }

    /// The bytes that the constants take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.stored.as_ref().map_or(0, |stored| stored.bytes())
    }

    /// Of each pair the first that gives the same: the same base, and, unless the base alone counts, the same rows from the
    /// same sources; and the same labels.
    pub(super) fn alike(&self, base_alone: bool) -> Vec<usize> {
        let mut known = BTreeMap::new();
        let read = |source: &Prompt| {
            let last = source.positions.iter().max().map_or(0, |last| last + 1);
            (source.tokens[..last].to_vec(), source.positions.clone())
        };
        let places = |pair: usize| {
            let place = |place: &Place| {
                let Pair { base, sources, .. } = &place.pairs[pair];
                let sources = sources.iter().map(|(variable, source)| (*variable, read(source)));
                (base.positions.clone(), sources.collect::<Vec<_>>())
            };
            if base_alone { Vec::new() } else { self.cell.iter().map(place).collect() }
        };
        let of = self
            .pairs()
            .iter()
            .enumerate()
            .map(|(at, pair)| *known.entry((&pair.base.tokens, &pair.labels, places(at))).or_insert(at));
        of.collect()
    }

    /// The pairs of these numbers as a batch; a number may come several times.
    pub fn batch(&self, pairs: &[usize]) -> Result<Batch, Error> {
        let cell: Vec<Place> = self.cell.iter().map(|place| place.of(pairs)).collect();
        match &self.stored {
            Some(stored) => self.assemble(stored, &cell, pairs),
            None => {
                let plan = Plan::new(std::slice::from_ref(&cell));
                let stored = Stored::run(self.model, plan, Home::Device, &self.device, &mut |_, _| {})?;
                self.assemble(&stored, &cell, &(0..pairs.len()).collect::<Vec<_>>())
            }
        }
    }

    /// A batch of the cell's pairs, which have these numbers in what is stored.
    fn assemble(&self, stored: &Stored, cell: &[Place], numbers: &[usize]) -> Result<Batch, Error> {
        let (plan, entry, pairs) = (&stored.plan, entry(cell), &cell[0].pairs);
        let bases: Vec<usize> = numbers.iter().map(|pair| plan.base_of[*pair]).collect();
        let first: Vec<usize> = (0..pairs.len()).map(|pair| first(cell, pair)).collect();
        let lengths: Vec<usize> = pairs.iter().zip(&first).map(|(p, first)| p.base.tokens.len() - first).collect();
        let longest = lengths.iter().copied().max().unwrap_or(0);

        // Past its end a tail repeats its last token: whatever stands there is padding.
        let row = |at: usize| {
            let (base, first, length) = (bases[at], first[at], lengths[at]);
            (0..longest).map(move |place| plan.row(base, first + place.min(length - 1)))
        };
        let hidden = stored.hidden[&entry].take(&Index::new((0..pairs.len()).flat_map(row).collect()), 1);
        let beginnings: Vec<usize> = bases.iter().map(|base| plan.bases[*base].beginning).collect();
        let context = Context::tail(&first, &lengths, stored.memory(&beginnings, &first, entry));
        let parts = cell.iter().map(|place| self.part(stored, place, &first, numbers)).collect::<Result<_, _>>()?;

        let answers = pairs.iter().map(|pair| pair.labels.len()).max().unwrap_or(1);
        // The last label follows the last token. An example with fewer answers reads its first one again, for nothing.
        let fewer = |pair: &Pair| answers - pair.labels.len();
        let place = |(pair, length): (&Pair, &usize)| {
            (0..answers).map(|at| length - answers + at.max(fewer(pair))).collect::<Vec<usize>>()
        };
        let class = |label: u32| match &self.choices {
            None => i64::from(label),
            Some(choices) => choices.partition_point(|choice| *choice < label) as i64,
        };
        let label = |pair: &Pair| (0..answers).map(|at| class(pair.labels[at.saturating_sub(fewer(pair))])).collect();
        let labels: Vec<Vec<i64>> = pairs.iter().map(label).collect();
        let weight = |pair: &Pair| {
            let full = if pair.keeps_answer() { self.isolation } else { 1.0 };
            (0..answers).map(|at| if at >= fewer(pair) { full } else { 0.0 }).collect()
        };
        let weights: Vec<Vec<f32>> = pairs.iter().map(weight).collect();
        let shape = [pairs.len(), answers];
        let all = weights.iter().flatten().all(|weight| *weight == 1.0);
        let [_, width] = hidden.dims();
        Ok(Batch {
            entry,
            hidden: hidden.reshape([pairs.len(), longest, width]),
            context,
            parts,
            swapped: pairs.iter().map(swapped).collect(),
            choices: self.choices.as_ref().map(|choices| {
                let choices: Vec<i64> = choices.iter().map(|choice| i64::from(*choice)).collect();
                let count = choices.len();
                Tensor::from_data(TensorData::new(choices, [count]), &self.device)
            }),
            answers: Rows::positions(pairs.iter().zip(&lengths).map(place).collect())?,
            labels: Tensor::from_data(TensorData::new(labels.concat(), shape), &self.device),
            weights: (!all).then(|| Tensor::from_data(TensorData::new(weights.concat(), shape), &self.device)),
        })
    }

    fn part(&self, stored: &Stored, place: &Place, first: &[usize], numbers: &[usize]) -> Result<Part, Error> {
        let (pairs, target) = (&place.pairs, &place.target);
        let heads = target.heads_of(self.model);
        let within = pairs
            .iter()
            .zip(first)
            .map(|(pair, first)| pair.base.positions.iter().map(|position| position - first).collect());
        let source = |which: usize| {
            let unit = |(pair, number): (&Pair, &usize)| {
                // What a pair without such a source has here is not used.
                let which = which.min(pair.sources.len() - 1);
                let rows = pair.sources[which].1.positions.iter();
                let rows: Vec<usize> = rows.map(|at| stored.plan.source_row(*number, which, *at)).collect();
                target.units(&rows, heads)
            };
            let units: Vec<usize> = pairs.iter().zip(numbers).flat_map(unit).collect();
            let chunks = if target.heads.is_empty() { 1 } else { heads };
            let count = units.len() / pairs.len();
            let rows = stored.sources[&target.whole()].take(&Index::new(units), chunks);
            let [_, width] = rows.dims();
            rows.reshape([pairs.len(), count, width])
        };
        let most = pairs.iter().map(|pair| pair.sources.len()).max().unwrap_or(0);
        Ok(Part {
            site: target.site,
            rows: target.rows(within.collect(), heads)?,
            sources: (0..most).map(source).collect(),
        })
    }
}

/// The variables that a pair swaps, by number.
fn swapped(pair: &Pair) -> Vec<usize> {
    pair.sources.iter().map(|(variable, _)| *variable).collect()
}

/// What has to hold of the pairs before anything runs.
pub(super) fn check(model: &dyn LanguageModel, cells: &[Vec<Place>]) -> Result<(), Error> {
    let Some(known) = cells.first().and_then(|cell| cell.first()).map(|place| &place.pairs) else {
        return Err(Error::Invalid("there is no place to intervene on".to_owned()));
    };
    if known.is_empty() {
        return Err(Error::Invalid("there is no pair to intervene on".to_owned()));
    }
    if known.iter().any(|pair| pair.sources.is_empty()) && known.iter().any(|pair| !pair.sources.is_empty()) {
        return Err(Error::Invalid("some pairs have sources and some have none".to_owned()));
    }
    for place in cells.iter().flatten() {
        place.target.check(model)?;
        let same = |(a, b): (&Pair, &Pair)| {
            let mut sources = a.sources.iter().zip(&b.sources);
            a.base.tokens == b.base.tokens
                && a.sources.len() == b.sources.len()
                && sources.all(|((v, a), (w, b))| v == w && a.tokens == b.tokens)
        };
        if place.pairs.len() != known.len() || !place.pairs.iter().zip(known.iter()).all(same) {
            return Err(Error::Invalid("the places of one search, and of a sweep, need the same pairs".to_owned()));
        }
        place.pairs.iter().enumerate().try_for_each(|(at, pair)| check_pair(model, at, pair))?;
    }
    Ok(())
}

fn check_pair(model: &dyn LanguageModel, at: usize, pair: &Pair) -> Result<(), Error> {
    let wrong = |problem: String| Err(Error::Invalid(format!("pair {at}: {problem}")));
    if pair.base.positions.is_empty() {
        return wrong("no position of the base is named".to_owned());
    }
    if let Some(label) = pair.labels.iter().find(|label| **label as usize >= model.vocab_size()) {
        return wrong(format!("the label {label} is not in the vocabulary of {}", model.vocab_size()));
    }
    let last = pair.base.positions.iter().max().copied().unwrap_or(0);
    let tokens = pair.base.tokens.len();
    if pair.labels.is_empty() || pair.labels.len() > tokens {
        return wrong(format!("{} labels for {tokens} tokens: at least one, at most one a token", pair.labels.len()));
    }
    let first = pair.base.positions.iter().min().copied().unwrap_or(0);
    if last < tokens && first + pair.labels.len() > tokens {
        return wrong(format!("the intervention at position {first} comes after the first of its answers is said"));
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
    Ok(())
}
