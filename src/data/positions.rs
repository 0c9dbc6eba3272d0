//! Positions on the command line, in specifications and in files of inputs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Tokenised;
use super::position::NumberOrText;
use crate::error::Error;

/// The selected tokens of an example: a list of selectors, each by index or by text.
///
/// | selector | tokens |
/// |---|---|
/// | `3` | the token with index 3, counted from 0 |
/// | `-2` | the second last token |
/// | `last` | the last token |
/// | `all` | every token |
/// | `text:John` | the tokens that overlap the first `John` in the text |
/// | `text[1]:John` | the tokens that overlap the second `John` |
/// | `0,text:John,last` | all of these, in this order (in a file also a list: `[0, "text:John", "last"]`) |
///
/// A selector with a comma in its text is possible only in a list of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "OneOrList", into = "Vec<NumberOrText>")]
pub struct Positions(Vec<Selector>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Selector {
    All,
    Index(i64),
    Text { part: String, occurrence: usize },
}

impl Positions {
    /// Selects every token.
    #[must_use]
    pub fn all() -> Self {
        Self(vec![Selector::All])
    }

    /// Selects the last token.
    #[must_use]
    pub fn last() -> Self {
        Self(vec![Selector::Index(-1)])
    }

    /// Returns the selected indices of a prompt, counted from 0, in the order of the selectors. An index outside the
    /// prompt and a text that does not occur in it are errors.
    pub fn resolve(&self, prompt: &Tokenised) -> Result<Vec<usize>, Error> {
        let mut indices = Vec::new();
        for selector in &self.0 {
            match selector {
                Selector::All => indices.extend(0..prompt.len()),
                Selector::Index(index) => indices.push(from_left(*index, prompt.len())?),
                Selector::Text { part, occurrence } => indices.extend(prompt.positions(part, *occurrence)?),
            }
        }
        Ok(indices)
    }
}

fn from_left(index: i64, length: usize) -> Result<usize, Error> {
    let from_left = if index < 0 { index + length as i64 } else { index };
    if (0..length as i64).contains(&from_left) {
        return Ok(from_left as usize);
    }
    Err(Error::Rows(format!(
        "position {index} is past the end: there are {length} tokens, 0 to {} (or -1 to -{length} from the right)",
        length - 1
    )))
}

impl FromStr for Selector {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || Error::Unknown {
            what: "position",
            name: text.to_owned(),
            hint: "; expected an index (0 is the first token, -1 the last), `last`, `all`, or `text:PART`".to_owned(),
        };
        if let Some(rest) = text.strip_prefix("text") {
            let (occurrence, part) = match rest.strip_prefix('[') {
                Some(rest) => {
                    let (number, part) = rest.split_once("]:").ok_or_else(wrong)?;
                    (number.parse().map_err(|_| wrong())?, part)
                }
                None => (0, rest.strip_prefix(':').ok_or_else(wrong)?),
            };
            return match part {
                "" => Err(wrong()),
                part => Ok(Self::Text { part: part.to_owned(), occurrence }),
            };
        }
        match text.trim() {
            "all" => Ok(Self::All),
            "last" => Ok(Self::Index(-1)),
            number => number.parse().map(Self::Index).map_err(|_| wrong()),
        }
    }
}

impl FromStr for Positions {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        text.split(',').map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Index(index) => write!(f, "{index}"),
            Self::Text { part, occurrence: 0 } => write!(f, "text:{part}"),
            Self::Text { part, occurrence } => write!(f, "text[{occurrence}]:{part}"),
        }
    }
}

impl fmt::Display for Positions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let selectors: Vec<String> = self.0.iter().map(Selector::to_string).collect();
        f.write_str(&selectors.join(","))
    }
}

/// Positions as they are written in a file.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected a position (a number, \"last\", \"all\", \"text:PART\") or a list of positions"
)]
enum OneOrList {
    One(NumberOrText),
    List(Vec<NumberOrText>),
}

impl TryFrom<OneOrList> for Positions {
    type Error = Error;

    fn try_from(written: OneOrList) -> Result<Self, Error> {
        let list = match written {
            OneOrList::One(selector) => vec![selector],
            OneOrList::List(list) if list.is_empty() => {
                return Err(Error::Invalid("no positions: at least one is needed".to_owned()));
            }
            OneOrList::List(list) => list,
        };
        let selector = |written| match written {
            NumberOrText::Number(index) => Ok(Selector::Index(index)),
            NumberOrText::Text(text) => text.parse(),
        };
        list.into_iter().map(selector).collect::<Result<_, _>>().map(Self)
    }
}

impl From<Positions> for Vec<NumberOrText> {
    fn from(positions: Positions) -> Self {
        let written = |selector: Selector| match selector {
            Selector::Index(index) => NumberOrText::Number(index),
            other => NumberOrText::Text(other.to_string()),
        };
        positions.0.into_iter().map(written).collect()
    }
}
