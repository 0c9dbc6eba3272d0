//! What the frozen model makes of the pairs, computed once.
//!
//! An intervention at layer L and position p changes nothing below L, and in the layers above it changes nothing at
//! positions before p. So of each pair the base's states that enter the suffix at positions ≥ p, the keys and values of
//! the suffix's layers at positions < p, and the sources' rows are constants. A training step runs only the suffix on
//! the tail. Nothing is approximated.

use std::ops::Range;
use std::rc::Rc;

use burn::tensor::{Device, Tensor, TensorData};

use super::plan::{Place, Plan, entry, first};
use super::shelf::Index;
use super::states::{States, Stored};
use super::step::{Batch, Part};
use super::storage::Storage;
use crate::data::Pair;
use crate::error::Error;
use crate::models::{Context, LanguageModel};
use crate::tap::Rows;

/// The constants of a set of pairs for one search.
pub struct Cache<'a> {
    pub(super) model: &'a dyn LanguageModel,
    /// None: they are computed for each batch.
    stored: Option<Rc<Stored>>,
    cell: Vec<Place>,
    /// Each variable's columns of the rotation.
    columns: Vec<Range<usize>>,
    device: Device,
}

impl<'a> Cache<'a> {
    /// Runs the frozen model on the pairs of one search. `columns` gives each variable its columns of the rotation;
    /// `watch` sees how many prompts are done, of how many.
    pub fn fill(
        model: &'a dyn LanguageModel,
        places: &[Place],
        columns: &[Range<usize>],
        storage: &Storage,
        device: &Device,
        watch: &mut dyn FnMut(usize, usize),
    ) -> Result<Self, Error> {
        States::fill(model, &[places.to_vec()], storage, device, watch)?.cache(places, columns)
    }

    pub(super) fn new(
        model: &'a dyn LanguageModel,
        stored: Option<Rc<Stored>>,
        cell: &[Place],
        columns: &[Range<usize>],
        device: &Device,
    ) -> Result<Self, Error> {
        for (at, pair) in cell[0].pairs.iter().enumerate() {
            if let Some((variable, _)) = pair.sources.iter().find(|(variable, _)| *variable >= columns.len()) {
                let known = columns.len();
                return Err(Error::Invalid(format!("pair {at}: there are {known} variables and no number {variable}")));
            }
        }
        Ok(Self { model, stored, cell: cell.to_vec(), columns: columns.to_vec(), device: device.clone() })
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

    /// The bytes that the constants take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.stored.as_ref().map_or(0, |stored| stored.bytes())
    }

    /// The numbers of the pairs, by the variables that they swap; each group with the variables' numbers.
    #[must_use]
    pub fn groups(&self) -> Vec<(Vec<usize>, Vec<usize>)> {
        let mut groups: Vec<(Vec<usize>, Vec<usize>)> = Vec::new();
        for (at, pair) in self.pairs().iter().enumerate() {
            let swapped = swapped(pair);
            match groups.iter_mut().find(|(known, _)| *known == swapped) {
                Some((_, pairs)) => pairs.push(at),
                None => groups.push((swapped, vec![at])),
            }
        }
        groups
    }

    /// The pairs of these numbers as a batch; all of them swap the same variables.
    pub fn batch(&self, pairs: &[usize]) -> Result<Batch, Error> {
        let wanted = swapped(&self.pairs()[pairs[0]]);
        if let Some(other) = pairs.iter().find(|pair| swapped(&self.pairs()[**pair]) != wanted) {
            let problem = format!("pairs {} and {other} of one batch swap different variables", pairs[0]);
            return Err(Error::Invalid(problem));
        }
        let cell: Vec<Place> = self.cell.iter().map(|place| place.of(pairs)).collect();
        match &self.stored {
            Some(stored) => self.assemble(stored, &cell, pairs),
            None => {
                let plan = Plan::new(std::slice::from_ref(&cell));
                let stored = Stored::run(self.model, plan, None, &self.device, &mut |_, _| {})?;
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
        let label =
            |pair: &Pair| (0..answers).map(|at| i64::from(pair.labels[at.saturating_sub(fewer(pair))])).collect();
        let labels: Vec<Vec<i64>> = pairs.iter().map(label).collect();
        let weight = |pair: &Pair| (0..answers).map(|at| f32::from(u8::from(at >= fewer(pair)))).collect();
        let weights: Vec<Vec<f32>> = pairs.iter().map(weight).collect();
        let shape = [pairs.len(), answers];
        let all = weights.iter().flatten().all(|weight| *weight == 1.0);
        let [_, width] = hidden.dims();
        Ok(Batch {
            entry,
            hidden: hidden.reshape([pairs.len(), longest, width]),
            context,
            parts,
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
        let sources = swapped(&pairs[0]).into_iter().enumerate();
        Ok(Part {
            site: target.site,
            rows: target.rows(within.collect(), heads)?,
            sources: sources.map(|(which, variable)| (source(which), self.columns[variable].clone())).collect(),
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
