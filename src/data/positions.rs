//! Positions as people write them.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Tokenised;
use crate::error::Error;

/// Which tokens of an example are meant: several places, each from the left, from the right, or by text.
///
/// | written | means |
/// |---|---|
/// | `3` | the token at 3, counted from 0 |
/// | `-2` | the last token but one |
/// | `last` | the last token |
/// | `all` | every token |
/// | `text:John` | the tokens that the first `John` of the text touches |
/// | `text[1]:John` | those of the second `John` |
/// | `0,text:John,last` | these, in this order (in a file also a list: `[0, "text:John", "last"]`) |
///
/// A comma within a text is looked for only in a list of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Positions(Vec<Place>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    All,
    At(i64),
    Text { part: String, occurrence: usize },
}

impl Positions {
    /// Every token.
    #[must_use]
    pub fn all() -> Self {
        Self(vec![Place::All])
    }

    /// The last token.
    #[must_use]
    pub fn last() -> Self {
        Self(vec![Place::At(-1)])
    }

    /// The indices in a prompt, counted from 0, in the order in which they are written.
    pub fn resolve(&self, prompt: &Tokenised) -> Result<Vec<usize>, Error> {
        let mut found = Vec::new();
        for place in &self.0 {
            match place {
                Place::All => found.extend(0..prompt.len()),
                Place::At(at) => found.push(index(*at, prompt.len())?),
                Place::Text { part, occurrence } => found.extend(prompt.positions(part, *occurrence)?),
            }
        }
        Ok(found)
    }
}

fn index(at: i64, length: usize) -> Result<usize, Error> {
    let from_left = if at < 0 { at + length as i64 } else { at };
    if (0..length as i64).contains(&from_left) {
        return Ok(from_left as usize);
    }
    Err(Error::Rows(format!(
        "position {at} is past the end: there are {length} tokens, 0 to {} (or -1 to -{length} from the right)",
        length - 1
    )))
}

impl FromStr for Place {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || Error::Unknown {
            what: "position",
            name: text.to_owned(),
            hint: "; write a number from 0 (or from -1, from the right), `last`, `all`, or `text:PART`".to_owned(),
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
            "last" => Ok(Self::At(-1)),
            number => number.parse().map(Self::At).map_err(|_| wrong()),
        }
    }
}

impl FromStr for Positions {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        text.split(',').map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::At(at) => write!(f, "{at}"),
            Self::Text { part, occurrence: 0 } => write!(f, "text:{part}"),
            Self::Text { part, occurrence } => write!(f, "text[{occurrence}]:{part}"),
        }
    }
}

impl fmt::Display for Positions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places: Vec<String> = self.0.iter().map(Place::to_string).collect();
        f.write_str(&places.join(","))
    }
}

impl Serialize for Positions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let place = |place: &Place| match place {
            Place::At(at) => PlainPlace::At(*at),
            other => PlainPlace::Written(other.to_string()),
        };
        serializer.collect_seq(self.0.iter().map(place))
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum PlainPlace {
    At(i64),
    Written(String),
}

impl<'de> Deserialize<'de> for Positions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

/// A number, a string, or a list of them.
struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Positions;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a position (a number, \"last\", \"all\", \"text:PART\") or a list of positions")
    }

    fn visit_i64<E: de::Error>(self, at: i64) -> Result<Positions, E> {
        Ok(Positions(vec![Place::At(at)]))
    }

    fn visit_u64<E: de::Error>(self, at: u64) -> Result<Positions, E> {
        i64::try_from(at)
            .map_err(|_| E::custom(format!("position {at} is past any end")))
            .and_then(|at| self.visit_i64(at))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Positions, E> {
        text.parse().map(|place| Positions(vec![place])).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Positions, A::Error> {
        let mut places = Vec::new();
        while let Some(Positions(more)) = list.next_element()? {
            places.extend(more);
        }
        if places.is_empty() {
            return Err(de::Error::custom("no positions: at least one is needed"));
        }
        Ok(Positions(places))
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
    fn places_are_found_from_both_ends_and_by_text() {
        let prompt = tokenizer().prompt("Ann met Ann").unwrap();
        assert_eq!(at("3", &prompt).unwrap(), [3]);
        assert_eq!(at("-2", &prompt).unwrap(), [3]);
        assert_eq!(at("all", &prompt).unwrap(), [0, 1, 2, 3, 4]);
        assert_eq!(at("text:met", &prompt).unwrap(), [1, 2, 3]);
        assert_eq!(at("text[1]:Ann,0,last", &prompt).unwrap(), [4, 0, 4]);
    }

    #[test]
    fn what_is_not_there_is_said() {
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
        let tokens = Tokenised::of_tokens(vec![1, 2]).unwrap();
        assert!(at("text:Ann", &tokens).unwrap_err().contains("among token ids"));
        assert!(Tokenised::of_tokens(vec![]).unwrap_err().to_string().contains("an empty prompt"));
        assert!(tokenizer().prompt("").unwrap_err().to_string().contains("an empty prompt"));
    }

    #[test]
    fn files_hold_one_or_a_list() {
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
