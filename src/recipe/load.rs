//! Reading a recipe, and saying where a mistake is.

use std::path::Path;
use std::str::FromStr;

use serde::Deserialize;
use toml::{Table, Value};

use super::Recipe;
use crate::error::{Error, nearest};
use crate::files;

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
        let place = |span: Option<std::ops::Range<usize>>| match span {
            Some(span) => format!("{}:{}", path.display(), line(text, span.start)),
            None => path.display().to_string(),
        };
        let wrong =
            |error: &toml::de::Error| Error::Recipe { place: place(error.span()), problem: explain(error.message()) };
        let mut recipe: Self = toml::from_str(text).map_err(|error| wrong(&error))?;
        if !overrides.is_empty() {
            let mut table: Table = toml::from_str(text).map_err(|error| wrong(&error))?;
            for set in overrides {
                set.apply(&mut table)?;
                recipe = Self::deserialize(table.clone()).map_err(|error| Error::Recipe {
                    place: format!("--set {}={}", set.key, set.value),
                    problem: explain(error.message()),
                })?;
            }
        }
        if recipe.name.is_empty() {
            recipe.name = path.file_stem().map_or_else(|| "recipe".to_owned(), |s| s.to_string_lossy().into_owned());
        }
        recipe.check().map_err(|(key, problem)| Error::Recipe {
            place: match overrides.iter().rev().find(|set| key.starts_with(&set.key)) {
                Some(set) => format!("--set {}={}", set.key, set.value),
                None => place(find(text, &key)),
            },
            problem: format!("{key}: {problem}"),
        })?;
        Ok(recipe)
    }
}

/// The line, counted from 1, of a byte of the text.
fn line(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

/// Where a dotted key, or the innermost of its tables that is there, stands in the text.
fn find(text: &str, key: &str) -> Option<std::ops::Range<usize>> {
    let root = toml::de::DeTable::parse(text).ok()?;
    let mut table = root.get_ref();
    let mut found = None;
    for part in key.split('.') {
        let Some((name, value)) = table.iter().find(|(name, _)| name.get_ref() == part) else { break };
        found = Some(name.span());
        match value.get_ref().as_table() {
            Some(inner) => table = inner,
            None => break,
        }
    }
    found
}

/// The parser's message, with a suggestion in place of its list of all the keys there are.
fn explain(message: &str) -> String {
    let message = message.trim();
    let Some(rest) = message.strip_prefix("unknown field `") else { return message.to_owned() };
    let Some((name, known)) = rest.split_once('`') else { return message.to_owned() };
    let known: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
    format!("unknown key `{name}`{}", nearest(name, known))
}
