//! Positions in recipes: the tokens of a prompt on which an intervention acts.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, nearest};

/// The selected tokens of a named part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Take {
    /// Its first token.
    First,
    /// Its last token, at which a causal language model has read the whole part.
    Last,
    /// All of its tokens.
    All,
}

const TAKES: [(Take, &str); 3] = [(Take::First, "first"), (Take::Last, "last"), (Take::All, "all")];

/// The selected tokens of a prompt: in recipes `"name"`, `"name:first"`, `"name:all"`, `"last"`, `3`, `-1` or
/// `"f2+l2"`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "NumberOrText", into = "NumberOrText")]
pub enum Position {
    /// A named part of the prompt: a task's slot; `span` for the `base_span` or `base_position` of a file; `last` for
    /// the last token.
    Slot(String, Take),
    /// A token's index, counted from the end if negative: -1 is the last token.
    Index(i64),
    /// A number of tokens at the beginning and at the end, `f3+l3` as in pyreft.
    Ends {
        /// The number of tokens at the beginning.
        first: usize,
        /// The number of tokens at the end.
        last: usize,
    },
}

/// A position as it is written in a file.
#[derive(Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a position: a slot's name such as \"name\" or \"name:first\", or a token's number such as -1"
)]
pub(super) enum NumberOrText {
    Number(i64),
    Text(String),
}

impl TryFrom<NumberOrText> for Position {
    type Error = Error;

    fn try_from(written: NumberOrText) -> Result<Self, Error> {
        match written {
            NumberOrText::Number(index) => Ok(Self::Index(index)),
            NumberOrText::Text(text) => text.parse(),
        }
    }
}

impl From<Position> for NumberOrText {
    fn from(position: Position) -> Self {
        match position {
            Position::Index(index) => Self::Number(index),
            other => Self::Text(other.to_string()),
        }
    }
}

impl Default for Position {
    fn default() -> Self {
        Self::Slot("span".to_owned(), Take::Last)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index(index) => write!(f, "{index}"),
            Self::Ends { first, last: 0 } => write!(f, "f{first}"),
            Self::Ends { first: 0, last } => write!(f, "l{last}"),
            Self::Ends { first, last } => write!(f, "f{first}+l{last}"),
            Self::Slot(slot, Take::Last) => f.write_str(slot),
            Self::Slot(slot, take) => write!(f, "{slot}:{}", TAKES[*take as usize].1),
        }
    }
}

impl FromStr for Position {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if let Ok(index) = text.parse() {
            return Ok(Self::Index(index));
        }
        if let Some(ends) = ends(text) {
            return Ok(ends);
        }
        let (slot, take) = text.split_once(':').unwrap_or((text, "last"));
        let known = TAKES.iter().find(|(_, name)| *name == take);
        let (take, _) = known.ok_or_else(|| Error::Unknown {
            what: "choice of tokens",
            name: take.to_owned(),
            hint: nearest(take, TAKES.map(|(_, name)| name)),
        })?;
        Ok(Self::Slot(slot.to_owned(), *take))
    }
}

/// Parses `f3`, `l3` or `f3+l3`.
fn ends(text: &str) -> Option<Position> {
    let count = |text: &str, letter: char| text.strip_prefix(letter)?.parse::<usize>().ok().filter(|count| *count > 0);
    match text.split_once('+') {
        Some((first, last)) => Some(Position::Ends { first: count(first, 'f')?, last: count(last, 'l')? }),
        None => count(text, 'f')
            .map(|first| Position::Ends { first, last: 0 })
            .or_else(|| count(text, 'l').map(|last| Position::Ends { first: 0, last })),
    }
}
