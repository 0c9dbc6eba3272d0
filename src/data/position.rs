//! Which tokens of a prompt are meant.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, nearest};

/// Which of a part's tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Take {
    /// Its first token.
    First,
    /// Its last token, where a causal model has read the whole of it.
    Last,
    /// Every one of its tokens.
    All,
}

const TAKES: [(Take, &str); 3] = [(Take::First, "first"), (Take::Last, "last"), (Take::All, "all")];

/// Which tokens of a prompt are meant: in recipes `"name"`, `"name:first"`, `"name:all"`, `"last"`, `3`, `-1` or `"f2+l2"`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Position {
    /// A named part of the prompt: a task's slot; `span` is what a file's `base_span` or `base_position` says; `last` is
    /// the last token.
    Slot(String, Take),
    /// A token's number, from the end where negative: -1 is the last token.
    Index(i64),
    /// So many of the first tokens and so many of the last, `f3+l3` as in pyreft.
    Ends {
        /// Tokens from the beginning.
        first: usize,
        /// Tokens up to the end.
        last: usize,
    },
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
        let found = TAKES.iter().find(|(_, name)| *name == take);
        let (take, _) = found.ok_or_else(|| Error::Unknown {
            what: "choice of tokens",
            name: take.to_owned(),
            hint: nearest(take, TAKES.map(|(_, name)| name)),
        })?;
        Ok(Self::Slot(slot.to_owned(), *take))
    }
}

/// `f3`, `l3` or `f3+l3`.
fn ends(text: &str) -> Option<Position> {
    let count = |text: &str, letter: char| text.strip_prefix(letter)?.parse::<usize>().ok().filter(|count| *count > 0);
    match text.split_once('+') {
        Some((first, last)) => Some(Position::Ends { first: count(first, 'f')?, last: count(last, 'l')? }),
        None => count(text, 'f')
            .map(|first| Position::Ends { first, last: 0 })
            .or_else(|| count(text, 'l').map(|last| Position::Ends { first: 0, last })),
    }
}

impl Serialize for Position {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Index(index) => serializer.serialize_i64(*index),
            Self::Slot(..) | Self::Ends { .. } => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Position {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NameOrNumber)
    }
}

struct NameOrNumber;

impl Visitor<'_> for NameOrNumber {
    type Value = Position;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a position: a slot's name such as \"name\" or \"name:first\", or a token's number such as -1")
    }

    fn visit_i64<E: de::Error>(self, index: i64) -> Result<Position, E> {
        Ok(Position::Index(index))
    }

    fn visit_u64<E: de::Error>(self, index: u64) -> Result<Position, E> {
        i64::try_from(index).map(Position::Index).map_err(E::custom)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Position, E> {
        text.parse().map_err(E::custom)
    }
}
