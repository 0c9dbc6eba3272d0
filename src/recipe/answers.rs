//! `training.answers`: among which tokens answers are asked.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::text_or_list::TextOrList;
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
        deserializer.deserialize_any(TextOrList {
            expected: "\"all\", \"task\", or a list of at least two answers such as [\" he\", \" she\"]",
            text: |name| match name {
                "all" => Ok(Self::All),
                "task" => Ok(Self::Task),
                _ => Err(format!("unknown answers `{name}`{}", nearest(name, ["all", "task"]))),
            },
            least: 2,
            list: Self::Listed,
        })
    }
}
