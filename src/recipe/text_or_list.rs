//! Values of a recipe that are a word or a list.

use std::fmt;

use serde::Deserialize;
use serde::de::{Error, SeqAccess, Visitor};

/// Reads a value from a text, or from a list of at least `least` items.
pub(super) struct TextOrList<T, U> {
    /// What both look like, for errors.
    pub expected: &'static str,
    pub text: fn(&str) -> Result<T, String>,
    pub least: usize,
    pub list: fn(Vec<U>) -> T,
}

impl<'de, T, U: Deserialize<'de>> Visitor<'de> for TextOrList<T, U> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.text)(text).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<T, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        if items.len() < self.least { Err(Error::invalid_length(items.len(), &self)) } else { Ok((self.list)(items)) }
    }
}
