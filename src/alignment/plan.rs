//! What has to run through the frozen model, and where each of its rows will lie.
//!
//! The model is causal. Pairs whose bases begin alike share the keys and values of what comes before their tails; a
//! source is read no further than the tokens that are meant, so sources that begin alike are one. A plan serves every
//! cell of a sweep: it keeps the states that enter each cell's suffix, at all positions from the earliest that any cell
//! asks for.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::step::first_layer;
use super::target::Target;
use crate::data::Pair;
use crate::tap::Site;

/// Where one intervention acts: at a site, on the positions that its pairs name.
#[derive(Clone, Debug)]
pub struct Place {
    /// The site.
    pub target: Target,
    /// The pairs. Places of one search hold the same pairs in the same order; only the positions may differ.
    pub pairs: Rc<[Pair]>,
}

impl Place {
    /// A place of its own.
    #[must_use]
    pub fn new(target: Target, pairs: &[Pair]) -> Self {
        Self { target, pairs: pairs.into() }
    }

    /// The same place for some of the pairs.
    pub(super) fn of(&self, pairs: &[usize]) -> Self {
        Self { target: self.target.clone(), pairs: pairs.iter().map(|pair| self.pairs[*pair].clone()).collect() }
    }
}

/// The layer that a cell's suffix begins with: the lowest of its places'.
pub(super) fn entry(cell: &[Place]) -> usize {
    cell.iter().map(|place| first_layer(place.target.site)).min().unwrap_or(0)
}

/// The position that a pair's tail begins with in a cell: the first that any of its places names.
pub(super) fn first(cell: &[Place], pair: usize) -> usize {
    cell.iter().flat_map(|place| place.pairs[pair].base.positions.iter().copied()).min().unwrap_or(0)
}

/// The tokens before every cell's tail, of which keys and values are kept.
pub(super) struct Beginning {
    pub tokens: Vec<u32>,
    /// The first of its positions whose states are kept too.
    pub from: usize,
    row: usize,
}

/// One of the different bases.
pub(super) struct Base {
    /// Which beginning it has.
    pub beginning: usize,
    /// Its tokens, the beginning's included.
    pub tokens: Vec<u32>,
    /// Where its beginning ends.
    pub split: usize,
    row: usize,
}

/// One of the different sources, up to the last token that is meant.
pub(super) struct Source {
    pub tokens: Vec<u32>,
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
    /// For all cells together.
    pub fn new(cells: &[Vec<Place>]) -> Self {
        let pairs = &cells[0][0].pairs;
        let from = |pair: usize| cells.iter().map(|cell| first(cell, pair)).min().unwrap_or(0);
        let split = |pair: usize| cells.iter().map(|cell| first(cell, pair)).max().unwrap_or(0);

        let (base_of, different) = distinct((0..pairs.len()).map(|pair| {
            let (tokens, split) = (&pairs[pair].base.tokens[..], split(pair));
            (tokens.len() - split, tokens, split)
        }));
        let (beginning_of, begins) = distinct(different.iter().map(|(_, tokens, split)| (*split, &tokens[..*split])));
        let mut beginnings: Vec<Beginning> =
            begins.iter().map(|(split, tokens)| Beginning { tokens: tokens.to_vec(), from: *split, row: 0 }).collect();
        for (pair, base) in base_of.iter().enumerate() {
            let beginning = &mut beginnings[beginning_of[*base]];
            beginning.from = beginning.from.min(from(pair));
        }
        let mut rows = 0;
        for beginning in &mut beginnings {
            beginning.row = rows;
            rows += beginning.tokens.len() - beginning.from;
        }
        let bases = different.iter().zip(&beginning_of).map(|((tail, tokens, split), beginning)| {
            rows += tail;
            Base { beginning: *beginning, tokens: tokens.to_vec(), split: *split, row: rows - tail }
        });
        let bases = bases.collect();

        let (source_of, sources) = sources(cells);
        let entries: BTreeSet<usize> = cells.iter().map(|cell| entry(cell)).collect();
        let sites = cells.iter().flatten().map(|place| place.target.whole());
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

    /// The row of the states of a base at a position.
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

    /// The number of rows of states that are kept at each entry.
    pub fn rows(&self) -> usize {
        self.bases.last().map_or(0, |base| base.row + base.tokens.len() - base.split)
    }

    /// The number of rows that are kept at each site.
    pub fn source_rows(&self) -> usize {
        self.sources.last().map_or(0, |source| source.row + source.positions.len())
    }

    /// The length of the longest beginning.
    pub fn before(&self) -> usize {
        self.beginnings.iter().map(|beginning| beginning.tokens.len()).max().unwrap_or(0)
    }
}

/// Of each pair which sources it has, and the different ones with every position that a place names in them.
fn sources(cells: &[Vec<Place>]) -> (Vec<Vec<usize>>, Vec<Source>) {
    let pairs = &cells[0][0].pairs;
    // The last position that is meant, over all places, then the tokens up to it.
    let read = |pair: usize, which: usize| {
        let positions = cells.iter().flatten().flat_map(move |place| &place.pairs[pair].sources[which].1.positions);
        let last = positions.max().map_or(0, |last| last + 1);
        (last, &pairs[pair].sources[which].1.tokens[..last])
    };
    let places: Vec<(usize, usize)> =
        (0..pairs.len()).flat_map(|pair| (0..pairs[pair].sources.len()).map(move |which| (pair, which))).collect();
    let (of, different) = distinct(places.iter().map(|(pair, which)| read(*pair, *which)));
    let mut positions = vec![BTreeSet::new(); different.len()];
    for ((pair, which), source) in places.iter().zip(&of) {
        for place in cells.iter().flatten() {
            positions[*source].extend(place.pairs[*pair].sources[*which].1.positions.iter().copied());
        }
    }
    let mut row = 0;
    let sources = different.iter().zip(positions).map(|((_, tokens), positions)| {
        row += positions.len();
        Source { tokens: tokens.to_vec(), row: row - positions.len(), positions: positions.into_iter().collect() }
    });
    let sources = sources.collect();
    let mut of = of.into_iter();
    (pairs.iter().map(|pair| of.by_ref().take(pair.sources.len()).collect()).collect(), sources)
}

/// Which of the different items each is, and the different ones in order.
fn distinct<T: Ord + Copy>(items: impl Iterator<Item = T>) -> (Vec<usize>, Vec<T>) {
    let items: Vec<T> = items.collect();
    let mut numbers: BTreeMap<T, usize> = items.iter().map(|item| (*item, 0)).collect();
    numbers.values_mut().enumerate().for_each(|(at, number)| *number = at);
    (items.iter().map(|item| numbers[item]).collect(), numbers.into_keys().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Prompt;
    use crate::tap::Component;

    fn place(layer: usize, prompts: &[(&[u32], usize, &[u32], usize)]) -> Place {
        let prompt = |tokens: &[u32], at: usize| Prompt { tokens: tokens.to_vec(), positions: vec![at] };
        let pair = |(base, at, source, from): &(&[u32], usize, &[u32], usize)| Pair {
            base: prompt(base, *at),
            sources: vec![(0, prompt(source, *from))],
            labels: vec![0],
            base_answer: None,
            source_answers: vec![None],
        };
        let target = Target { site: Component::BlockOutput.at(layer), heads: vec![] };
        Place::new(target, &prompts.iter().map(pair).collect::<Vec<_>>())
    }

    #[test]
    fn equal_beginnings_bases_and_sources_are_one() {
        let plan = Plan::new(&[vec![place(
            3,
            &[(&[1, 2, 3, 4], 2, &[5, 6, 7], 1), (&[1, 2, 9], 2, &[5, 6], 1), (&[1, 2, 3, 4], 2, &[8, 6], 1)],
        )]]);
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
        let plan = Plan::new(&cells);
        assert_eq!(plan.entries, [1, 3]);
        assert_eq!(plan.before(), 3);
        assert_eq!((1..4).map(|at| plan.row(0, at)).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!([plan.source_row(0, 0, 1), plan.source_row(0, 0, 2)], [0, 1]);
    }
}
