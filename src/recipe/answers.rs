//! `training.answers`: among which tokens answers are asked.

use std::fmt;

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::nearest;

/// Among which tokens answers are asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Answers {
    /// All of the vocabulary.
    #[default]
    All,
    /// Those that pairs have as answers.
    Task,
    /// These, each one token, with its leading space: `[" he", " she"]`.
    Listed(Vec<String>),
}

impl Serialize for Answers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => serializer.serialize_str("all"),
            Self::Task => serializer.serialize_str("task"),
            Self::Listed(answers) => answers.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Answers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NameOrList)
    }
}

struct NameOrList;

impl<'de> Visitor<'de> for NameOrList {
    type Value = Answers;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"all\", \"task\", or a list of at least two answers such as [\" he\", \" she\"]")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Answers, E> {
        match name {
            "all" => Ok(Answers::All),
            "task" => Ok(Answers::Task),
            _ => Err(E::custom(format!("unknown answers `{name}`{}", nearest(name, ["all", "task"])))),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Answers, A::Error> {
        let mut answers = Vec::new();
        while let Some(answer) = list.next_element()? {
            answers.push(answer);
        }
        if answers.len() < 2 {
            Err(de::Error::invalid_length(answers.len(), &self))
        } else {
            Ok(Answers::Listed(answers))
        }
    }
}
