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

#[cfg(test)]
mod tests {
    use super::super::tokenizer::tests::tokenizer;
    use super::*;

    fn at(positions: &str, prompt: &Tokenised) -> Result<Vec<usize>, String> {
        positions.parse::<Positions>().and_then(|positions| positions.resolve(prompt)).map_err(|e| e.to_string())
    }

    #[test]
    fn tokens_are_selected_from_both_ends_and_by_text() {
        let prompt = tokenizer().prompt("Ann met Ann").unwrap();
        assert_eq!(at("3", &prompt).unwrap(), [3]);
        assert_eq!(at("-2", &prompt).unwrap(), [3]);
        assert_eq!(at("all", &prompt).unwrap(), [0, 1, 2, 3, 4]);
        assert_eq!(at("text:met", &prompt).unwrap(), [1, 2, 3]);
        assert_eq!(at("text[1]:Ann,0,last", &prompt).unwrap(), [4, 0, 4]);
    }

    #[test]
    fn errors_name_the_position_and_the_valid_ones() {
        let prompt = tokenizer().prompt("Ann met Ann").unwrap();
        let refused = |positions: &str, part: &str| {
            let error = at(positions, &prompt).unwrap_err();
            assert!(error.contains(part), "{error}");
        };
        refused("5", "position 5 is past the end: there are 5 tokens, 0 to 4");
        refused("-6", "position -6 is past the end");
        refused("text:Tom", "`Tom` is not in `Ann met Ann`");
        refused("text[2]:Ann", "2 times");
        refused("text:", "unknown position `text:`");
        refused("lats", "unknown position `lats`");
        let tokens = Tokenised::from_tokens(vec![1, 2]).unwrap();
        assert!(at("text:Ann", &tokens).unwrap_err().contains("among token ids"));
        assert!(Tokenised::from_tokens(vec![]).unwrap_err().to_string().contains("an empty prompt"));
        assert!(tokenizer().prompt("").unwrap_err().to_string().contains("an empty prompt"));
    }

    #[test]
    fn a_file_has_one_position_or_a_list() {
        let read = |json: &str| serde_json::from_str::<Positions>(json);
        assert_eq!(read("[0, \"text:a, b\", \"last\"]").unwrap().to_string(), "0,text:a, b,-1");
        assert_eq!(read("-1").unwrap(), Positions::last());
        assert_eq!(read("\"all\"").unwrap(), Positions::all());
        assert!(read("[]").unwrap_err().to_string().contains("no positions"));
        assert!(read("1.5").unwrap_err().to_string().contains("a list of positions"));
        let positions: Positions = "2,text[1]:x,all".parse().unwrap();
        assert_eq!(read(&serde_json::to_string(&positions).unwrap()).unwrap(), positions);
    }
}
