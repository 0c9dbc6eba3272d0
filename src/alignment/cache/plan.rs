//! What has to run through the frozen model, and where each of its rows will lie.
//!
//! The model is causal. Pairs whose bases begin alike share the keys and values of what comes before their tails; a
//! source is read no further than the tokens that are meant, so sources that begin alike are one. A plan serves every
//! cell of a sweep: it keeps the states that enter each cell's suffix, at all positions from the earliest that any cell
//! asks for.

use std::collections::{BTreeMap, BTreeSet};

use super::located_pairs::{LocatedPairs, entry, first};
use crate::tap::Site;

/// The tokens before every cell's tail, of which keys and values are kept: the first `len` of a pair's base.
pub(super) struct Beginning {
    pub pair: usize,
    pub len: usize,
    /// The first of its positions whose states are kept too.
    pub from: usize,
    row: usize,
}

/// One of the different bases: that of a pair.
pub(super) struct Base {
    pub pair: usize,
    /// Which beginning it has.
    pub beginning: usize,
    /// Where its beginning ends.
    pub split: usize,
    /// The number of its tokens, the beginning's included.
    pub len: usize,
    row: usize,
}

/// One of the different sources, up to the last token that is read: the first `len` tokens of a pair's `which`-th.
pub(super) struct Source {
    pub pair: usize,
    pub which: usize,
    pub len: usize,
    /// The positions whose rows are kept, in order.
    pub positions: Vec<usize>,
    row: usize,
}

/// What runs, and where its rows lie.
pub(super) struct Plan {
    pub beginnings: Vec<Beginning>,
    pub bases: Vec<Base>,
    pub sources: Vec<Source>,
    /// Which base each pair has.
    pub base_of: Vec<usize>,
    /// Which source each pair has, for each of its variables.
    source_of: Vec<Vec<usize>>,
    /// The layers at which a suffix begins, in order.
    pub entries: Vec<usize>,
    /// The sites of which sources are read, by layer.
    pub sites: Vec<Site>,
}

impl Plan {
    /// A plan for the pairs of these numbers, for all cells together. The plan counts pairs by their place in `numbers`.
    pub fn new(cells: &[Vec<LocatedPairs>], numbers: &[usize]) -> Self {
        let pairs = &cells[0][0].pairs;
        let from = |at: usize| cells.iter().map(|cell| first(cell, numbers[at])).min().unwrap_or(0);
        let split = |at: usize| cells.iter().map(|cell| first(cell, numbers[at])).max().unwrap_or(0);

        let (base_of, different) = distinct((0..numbers.len()).map(|at| {
            let (tokens, split) = (&pairs[numbers[at]].base.tokens[..], split(at));
            (tokens.len() - split, tokens, split)
        }));
        let example = examples(&base_of, different.len());
        let (beginning_of, begins) = distinct(different.iter().map(|(_, tokens, split)| (*split, &tokens[..*split])));
        let first_base = examples(&beginning_of, begins.len());
        let beginning = |(number, (len, _)): (usize, &(usize, &[u32]))| {
            let pair = numbers[example[first_base[number]]];
            Beginning { pair, len: *len, from: *len, row: 0 }
        };
        let mut beginnings: Vec<Beginning> = begins.iter().enumerate().map(beginning).collect();
        for (at, base) in base_of.iter().enumerate() {
            let beginning = &mut beginnings[beginning_of[*base]];
            beginning.from = beginning.from.min(from(at));
        }
        let mut rows = 0;
        for beginning in &mut beginnings {
            beginning.row = rows;
            rows += beginning.len - beginning.from;
        }
        let bases = different.iter().enumerate().map(|(number, (tail, tokens, split))| {
            rows += tail;
            let (pair, beginning) = (numbers[example[number]], beginning_of[number]);
            Base { pair, beginning, split: *split, len: tokens.len(), row: rows - tail }
        });
        let bases = bases.collect();

        let (source_of, sources) = sources(cells, numbers);
        let entries: BTreeSet<usize> = cells.iter().map(|cell| entry(cell)).collect();
        let sites = cells.iter().flatten().map(|place| place.location.whole());
        let sites: BTreeSet<Site> = if sources.is_empty() { BTreeSet::new() } else { sites.collect() };
        Self {
            beginnings,
            bases,
            sources,
            base_of,
            source_of,
            entries: entries.into_iter().collect(),
            sites: sites.into_iter().collect(),
        }
    }

    pub fn row(&self, base: usize, position: usize) -> usize {
        let base = &self.bases[base];
        if position >= base.split {
            return base.row + position - base.split;
        }
        let beginning = &self.beginnings[base.beginning];
        beginning.row + position - beginning.from
    }

    /// The row of a pair's source, for the `which`-th of its variables, at a position.
    pub fn source_row(&self, pair: usize, which: usize, position: usize) -> usize {
        let source = &self.sources[self.source_of[pair][which]];
        source.row + source.positions.binary_search(&position).expect("every position that a place names was planned")
    }

    pub fn rows(&self) -> usize {
        self.bases.last().map_or(0, |base| base.row + base.len - base.split)
    }

    pub fn source_rows(&self) -> usize {
        self.sources.last().map_or(0, |source| source.row + source.positions.len())
    }

    pub fn before(&self) -> usize {
        self.beginnings.iter().map(|beginning| beginning.len).max().unwrap_or(0)
    }
}

/// Which sources each pair has, and the different ones with every position that a place names in them.
fn sources(cells: &[Vec<LocatedPairs>], numbers: &[usize]) -> (Vec<Vec<usize>>, Vec<Source>) {
    let pairs = &cells[0][0].pairs;
    // The number of tokens up to the last that is read, over all places; then these tokens.
    let read = |pair: usize, which: usize| {
        let positions = cells.iter().flatten().flat_map(move |place| &place.pairs[pair].sources[which].1.positions);
        let len = positions.max().map_or(0, |last| last + 1);
        (len, &pairs[pair].sources[which].1.tokens[..len])
    };
    let all: Vec<(usize, usize)> =
        numbers.iter().flat_map(|pair| (0..pairs[*pair].sources.len()).map(move |which| (*pair, which))).collect();
    let (source_of, different) = distinct(all.iter().map(|(pair, which)| read(*pair, *which)));
    let mut positions = vec![BTreeSet::new(); different.len()];
    for ((pair, which), source) in all.iter().zip(&source_of) {
        for place in cells.iter().flatten() {
            positions[*source].extend(place.pairs[*pair].sources[*which].1.positions.iter().copied());
        }
    }
    let example = examples(&source_of, different.len());
    let mut row = 0;
    let sources = different.iter().zip(positions).zip(example).map(|(((len, _), positions), example)| {
        row += positions.len();
        let (pair, which) = all[example];
        Source { pair, which, len: *len, row: row - positions.len(), positions: positions.into_iter().collect() }
    });
    let sources = sources.collect();
    let mut source_of = source_of.into_iter();
    (numbers.iter().map(|pair| source_of.by_ref().take(pairs[*pair].sources.len()).collect()).collect(), sources)
}

/// Numbers the different items in their order: each item's number, and the different items.
fn distinct<T: Ord + Copy>(items: impl Iterator<Item = T>) -> (Vec<usize>, Vec<T>) {
    let items: Vec<T> = items.collect();
    let mut numbers: BTreeMap<T, usize> = items.iter().map(|item| (*item, 0)).collect();
    numbers.values_mut().enumerate().for_each(|(at, number)| *number = at);
    (items.iter().map(|item| numbers[item]).collect(), numbers.into_keys().collect())
}

/// For each of `count` numbers the first place that it has.
fn examples(numbers: &[usize], count: usize) -> Vec<usize> {
    let mut first = vec![0; count];
    numbers.iter().enumerate().rev().for_each(|(at, number)| first[*number] = at);
    first
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Pair, Prompt};
    use crate::tap::Component;

    fn place(layer: usize, prompts: &[(&[u32], usize, &[u32], usize)]) -> LocatedPairs {
        let prompt = |tokens: &[u32], at: usize| Prompt { tokens: tokens.into(), positions: vec![at] };
        let pair = |(base, at, source, from): &(&[u32], usize, &[u32], usize)| Pair {
            base: prompt(base, *at),
            sources: vec![(0, prompt(source, *from))],
            labels: vec![0],
            base_answer: None,
            source_answers: vec![None],
        };
        LocatedPairs::new(Component::BlockOutput.at(layer).into(), &prompts.iter().map(pair).collect::<Vec<_>>())
    }

    #[test]
    fn equal_beginnings_bases_and_sources_are_one() {
        let plan = Plan::new(
            &[vec![place(
                3,
                &[(&[1, 2, 3, 4], 2, &[5, 6, 7], 1), (&[1, 2, 9], 2, &[5, 6], 1), (&[1, 2, 3, 4], 2, &[8, 6], 1)],
            )]],
            &[0, 1, 2],
        );
        assert_eq!((plan.beginnings.len(), plan.bases.len(), plan.sources.len()), (1, 2, 2));
        assert_eq!((plan.entries.as_slice(), plan.rows(), plan.source_rows(), plan.before()), (&[4][..], 3, 2, 2));
        assert_eq!(plan.base_of[0], plan.base_of[2]);
        let rows: BTreeSet<usize> =
            [(0, 2), (0, 3), (1, 2)].iter().map(|(pair, at)| plan.row(plan.base_of[*pair], *at)).collect();
        assert_eq!(rows, (0..3).collect(), "every row has one place");
        assert_eq!(plan.source_row(0, 0, 1), plan.source_row(1, 0, 1));
    }

    #[test]
    fn a_sweep_keeps_every_position_that_a_cell_asks_for() {
        let base: &[u32] = &[1, 2, 3, 4];
        let cells = [vec![place(0, &[(base, 1, &[5, 6, 7], 1)])], vec![place(2, &[(base, 3, &[5, 6, 7], 2)])]];
        let plan = Plan::new(&cells, &[0]);
        assert_eq!(plan.entries, [1, 3]);
        assert_eq!(plan.before(), 3);
        assert_eq!((1..4).map(|at| plan.row(0, at)).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!([plan.source_row(0, 0, 1), plan.source_row(0, 0, 2)], [0, 1]);
    }
}
