//! The pairs of one search with what the frozen model computes of them, computed once.
//!
//! An intervention at layer L and position p changes nothing below L, and in the layers above it changes nothing at
//! positions before p. So for each pair the base's states that enter the suffix at positions ≥ p, the keys and values of
//! the suffix's layers at positions < p, and the sources' rows are constants. A training step runs only the suffix on
//! the tail. Nothing is approximated.

use std::collections::BTreeMap;
use std::rc::Rc;

use burn::tensor::{Device, Tensor, TensorData};

use super::located_pairs::{LocatedPairs, entry, first};
use super::plan::Plan;
use super::run_states::Tails;
use super::shelf::{Home, Index};
use super::stored::Stored;
use crate::alignment::PairSet;
use crate::alignment::interchange::{Batch, BatchRows};
use crate::data::{Pair, Prompt};
use crate::error::Error;
use crate::models::LanguageModel;
use crate::tap::Rows;

/// Tokens that are evaluated at once, and the most pairs: for short pairs most of the time goes to their logits.
const TOKENS: usize = 1024;
const PAIRS: usize = 128;

/// The pairs of one search, and the constants of each.
pub struct Cache<'a> {
    model: &'a dyn LanguageModel,
    /// `None` where the constants are computed for each batch.
    stored: Option<Rc<Stored>>,
    places: Vec<LocatedPairs>,
    /// The only tokens that may be answers, in ascending order; `None` for the whole vocabulary.
    choices: Option<Vec<u32>>,
    device: Device,
}

impl<'a> Cache<'a> {
    pub(super) fn new(
        model: &'a dyn LanguageModel,
        stored: Option<Rc<Stored>>,
        places: &[LocatedPairs],
        device: &Device,
    ) -> Self {
        Self { model, stored, places: places.to_vec(), choices: None, device: device.clone() }
    }

    /// Restricts the answers to these tokens, which every label has to be among: the loss is over them, and the model's
    /// answer is the one with the largest logit.
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

    /// The pairs, with the positions of the first place.
    #[must_use]
    pub fn pairs(&self) -> &[Pair] {
        &self.places[0].pairs
    }

    /// The bytes that the constants take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.stored.as_ref().map_or(0, |stored| stored.bytes())
    }

    /// Whether every source's rows are the base's own, so that no search can change anything.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        let same = |pair: &Pair| {
            !pair.sources.is_empty()
                && pair.sources.iter().all(|(_, source)| {
                    let read = source.positions.iter().max().map_or(0, |last| last + 1);
                    source.positions == pair.base.positions && source.tokens[..read] == pair.base.tokens[..read]
                })
        };
        self.pairs().iter().all(same)
    }

    /// The batch of the pairs with these numbers, which are `planned` in what is stored.
    fn assemble(&self, stored: &Stored, numbers: &[usize], planned: &[usize]) -> Result<Batch, Error> {
        let (plan, entry) = (&stored.plan, entry(&self.places));
        let pairs: Vec<&Pair> = numbers.iter().map(|pair| &self.pairs()[*pair]).collect();
        let bases: Vec<usize> = planned.iter().map(|pair| plan.base_of[*pair]).collect();
        let first: Vec<usize> = numbers.iter().map(|pair| first(&self.places, *pair)).collect();
        let lengths: Vec<usize> = pairs.iter().zip(&first).map(|(p, first)| p.base.tokens.len() - first).collect();
        let prompts = bases.iter().map(|base| plan.bases[*base].beginning).collect();
        let tails = Tails { prompts, first, lengths };
        let row = |tail: usize, place: usize| plan.row(bases[tail], tails.first[tail] + place);
        let (hidden, context) = stored.states.tails(entry, &tails, row);
        let part = |place| self.part(stored, place, &tails.first, numbers, planned);
        let locations = self.places.iter().map(part).collect::<Result<_, _>>()?;

        let answers = pairs.iter().map(|pair| pair.labels.len()).max().unwrap_or(1);
        // The last label follows the last token. A pair with fewer answers reads its first one again, with weight 0.
        let fewer = |pair: &Pair| answers - pair.labels.len();
        let place = |(pair, length): (&&Pair, &usize)| {
            (0..answers).map(|at| length - answers + at.max(fewer(pair))).collect::<Vec<usize>>()
        };
        let class = |label: u32| match &self.choices {
            None => i64::from(label),
            Some(choices) => choices.partition_point(|choice| *choice < label) as i64,
        };
        let label = |pair: &&Pair| (0..answers).map(|at| class(pair.labels[at.saturating_sub(fewer(pair))])).collect();
        let labels: Vec<Vec<i64>> = pairs.iter().map(label).collect();
        let weight = |pair: &&Pair| (0..answers).map(|at| f32::from(at >= fewer(pair))).collect();
        let weights: Vec<Vec<f32>> = pairs.iter().map(weight).collect();
        let shape = [pairs.len(), answers];
        let all = pairs.iter().all(|pair| fewer(pair) == 0);
        Ok(Batch {
            entry,
            hidden,
            context,
            locations,
            swapped: pairs.iter().map(|pair| swapped(pair)).collect(),
            keeps_answer: pairs.iter().map(|pair| pair.keeps_answer()).collect(),
            choices: self.choices.as_ref().map(|choices| {
                let choices: Vec<i64> = choices.iter().map(|choice| i64::from(*choice)).collect();
                let count = choices.len();
                Tensor::from_data(TensorData::new(choices, [count]), &self.device)
            }),
            answers: Rows::positions(pairs.iter().zip(&tails.lengths).map(place).collect())?,
            labels: Tensor::from_data(TensorData::new(labels.concat(), shape), &self.device),
            weights: (!all).then(|| Tensor::from_data(TensorData::new(weights.concat(), shape), &self.device)),
        })
    }

    fn part(
        &self,
        stored: &Stored,
        place: &LocatedPairs,
        first: &[usize],
        numbers: &[usize],
        planned: &[usize],
    ) -> Result<BatchRows, Error> {
        let location = &place.location;
        let heads = location.heads_of(self.model);
        let pairs: Vec<&Pair> = numbers.iter().map(|pair| &place.pairs[*pair]).collect();
        let within = pairs
            .iter()
            .zip(first)
            .map(|(pair, first)| pair.base.positions.iter().map(|position| position - first).collect());
        let source = |which: usize| {
            let unit = |(pair, number): (&&Pair, &usize)| {
                // The rows of a pair that lacks this source are not used.
                let which = which.min(pair.sources.len() - 1);
                let rows = pair.sources[which].1.positions.iter();
                let rows: Vec<usize> = rows.map(|at| stored.plan.source_row(*number, which, *at)).collect();
                location.units(&rows, heads)
            };
            let units: Vec<usize> = pairs.iter().zip(planned).flat_map(unit).collect();
            let chunks = if location.heads.is_empty() { 1 } else { heads };
            let count = units.len() / pairs.len();
            let rows = stored.sources[&location.whole()].take(&Index::new(units), chunks);
            let [_, width] = rows.dims();
            rows.reshape([pairs.len(), count, width])
        };
        let most = pairs.iter().map(|pair| pair.sources.len()).max().unwrap_or(0);
        Ok(BatchRows {
            site: location.site,
            rows: location.rows(within.collect(), heads)?,
            sources: (0..most).map(source).collect(),
        })
    }
}

impl PairSet for Cache<'_> {
    fn len(&self) -> usize {
        self.pairs().len()
    }

    fn at_once(&self) -> usize {
        let length = |(at, pair): (usize, &Pair)| pair.base.tokens.len() - first(&self.places, at);
        let longest = self.pairs().iter().enumerate().map(length).max().unwrap_or(1);
        (TOKENS / longest).clamp(1, PAIRS)
    }

    fn batch(&self, pairs: &[usize]) -> Result<Batch, Error> {
        match &self.stored {
            Some(stored) => self.assemble(stored, pairs, pairs),
            None => {
                let plan = Plan::new(std::slice::from_ref(&self.places), pairs);
                let stored = Stored::run(self.model, plan, self.pairs(), Home::Device, &self.device, &mut |_, _| {})?;
                self.assemble(&stored, pairs, &(0..pairs.len()).collect::<Vec<_>>())
            }
        }
    }

    fn swapped(&self, pair: usize) -> Vec<usize> {
        swapped(&self.pairs()[pair])
    }

    fn keeps_answer(&self, pair: usize) -> bool {
        self.pairs()[pair].keeps_answer()
    }

    /// Pairs are alike with the same base, labels and, unless `base_only`, the same rows of the same sources.
    fn first_alike(&self, base_only: bool) -> Vec<usize> {
        let mut known = BTreeMap::new();
        let read = |source: &'_ Prompt| source.positions.iter().max().map_or(0, |last| last + 1);
        let places = |pair: usize| {
            let place = |place: &'_ LocatedPairs| {
                let Pair { base, sources, .. } = &place.pairs[pair];
                let source = |(variable, source): &(usize, Prompt)| {
                    (*variable, source.tokens[..read(source)].to_vec(), source.positions.clone())
                };
                (base.positions.clone(), sources.iter().map(source).collect::<Vec<_>>())
            };
            if base_only { Vec::new() } else { self.places.iter().map(place).collect() }
        };
        let pairs = self.pairs().iter().enumerate();
        let first = |(at, pair): (usize, &Pair)| {
            *known.entry((pair.base.tokens.clone(), pair.labels.clone(), places(at))).or_insert(at)
        };
        pairs.map(first).collect()
    }
}

fn swapped(pair: &Pair) -> Vec<usize> {
    pair.sources.iter().map(|(variable, _)| *variable).collect()
}
