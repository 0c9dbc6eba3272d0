//! Reading a recipe, and saying where a mistake is.

use std::path::Path;
use std::str::FromStr;

use serde::Deserialize;
use toml::{Table, Value};

use super::Recipe;
use crate::error::Error;
use crate::{files, places};

/// `key=value`: a dotted key of a recipe and what stands there instead.
#[derive(Clone, Debug, PartialEq)]
pub struct Override {
    key: String,
    value: Value,
}

impl FromStr for Override {
    type Err = Error;

    /// The value is TOML; what is not (a path, say) is a string.
    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || Error::Invalid(format!("--set {text}: write key=value, for example training.steps=200"));
        let (key, value) = text.split_once('=').ok_or_else(wrong)?;
        if key.is_empty() || key.split('.').any(str::is_empty) {
            return Err(wrong());
        }
        let parsed =
            toml::from_str::<Table>(&format!("value = {value}")).ok().and_then(|mut table| table.remove("value"));
        Ok(Self { key: key.to_owned(), value: parsed.unwrap_or_else(|| Value::String(value.to_owned())) })
    }
}

impl Override {
    /// What `KEY=VALUE` means.
    pub fn new(key: &str, value: impl Into<Value>) -> Self {
        Self { key: key.to_owned(), value: value.into() }
    }

    fn apply(&self, table: &mut Table) -> Result<(), Error> {
        let mut at = table;
        let mut path = self.key.split('.').peekable();
        while let Some(part) = path.next() {
            if path.peek().is_none() {
                at.insert(part.to_owned(), self.value.clone());
                return Ok(());
            }
            at = match at.entry(part).or_insert_with(|| Value::Table(Table::new())) {
                Value::Table(inner) => inner,
                _ => return Err(Error::Invalid(format!("--set {}: `{part}` is a value, not a table", self.key))),
            };
        }
        Ok(())
    }
}

impl Recipe {
    /// Reads a recipe from a file, with overrides, and checks everything that can be checked without running.
    pub fn load(path: &Path, overrides: &[Override]) -> Result<Self, Error> {
        let text = files::read_text(path)?;
        Self::parse(&text, path, overrides)
    }

    /// Like [`Recipe::load`], from a text; `path` names it in messages and gives the recipe its name.
    pub fn parse(text: &str, path: &Path, overrides: &[Override]) -> Result<Self, Error> {
        let mut recipe: Self = places::parse(text, path)?;
        if !overrides.is_empty() {
            let mut table: Table = places::parse(text, path)?;
            for set in overrides {
                set.apply(&mut table)?;
                recipe = Self::deserialize(table.clone()).map_err(|error| Error::Recipe {
                    place: format!("--set {}={}", set.key, set.value),
                    problem: places::explain(error.message()),
                })?;
            }
        }
        if recipe.name.is_empty() {
            recipe.name = path.file_stem().map_or_else(|| "recipe".to_owned(), |s| s.to_string_lossy().into_owned());
        }
        recipe.check().map_err(|(key, problem)| Error::Recipe {
            place: match overrides.iter().rev().find(|set| key.starts_with(&set.key)) {
                Some(set) => format!("--set {}={}", set.key, set.value),
                None => places::place(text, path, places::find(text, &key)),
            },
            problem: format!("{key}: {problem}"),
        })?;
        Ok(recipe)
    }
}
