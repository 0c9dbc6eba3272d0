//! Pairs with the location that an intervention on them acts at.

use std::rc::Rc;

use crate::alignment::Location;
use crate::alignment::interchange::first_layer;
use crate::data::Pair;
use crate::error::Error;
use crate::models::LanguageModel;

/// A location, and pairs with the positions that are intervened on there.
#[derive(Clone, Debug)]
pub struct LocatedPairs {
    /// The site and its heads.
    pub location: Location,
    /// The pairs. All places of one search hold the same pairs in the same order; only the positions may differ.
    pub pairs: Rc<[Pair]>,
}

impl LocatedPairs {
    /// A place with pairs of its own.
    #[must_use]
    pub fn new(location: Location, pairs: &[Pair]) -> Self {
        Self { location, pairs: pairs.into() }
    }
}

/// The layer that a search's suffix begins with: the lowest of its places'.
pub(super) fn entry(places: &[LocatedPairs]) -> usize {
    places.iter().map(|place| first_layer(place.location.site)).min().unwrap_or(0)
}

/// The position that a pair's tail begins with: the first that any of a search's places names.
pub(super) fn first(places: &[LocatedPairs], pair: usize) -> usize {
    places.iter().flat_map(|place| place.pairs[pair].base.positions.iter().copied()).min().unwrap_or(0)
}

/// Checks the pairs of all searches before anything runs.
pub(super) fn check(model: &dyn LanguageModel, cells: &[Vec<LocatedPairs>]) -> Result<(), Error> {
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
        place.location.check(model)?;
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
