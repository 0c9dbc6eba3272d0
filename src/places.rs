//! Mistakes in TOML texts: their file and line, and their messages.

use std::ops::Range;
use std::path::Path;

use serde::de::DeserializeOwned;
use toml::de::{DeTable, DeValue};

use crate::error::{Error, nearest};

/// Reads a value from a TOML text; `path` is the file's name in error messages.
pub fn parse<T: DeserializeOwned>(text: &str, path: &Path) -> Result<T, Error> {
    toml::from_str(text).map_err(|error: toml::de::Error| Error::Recipe {
        place: place(text, path, error.span()),
        problem: explain(error.message()),
    })
}

/// Returns `FILE:LINE` for a byte range of the text; only the file without a range.
#[must_use]
pub fn place(text: &str, path: &Path, span: Option<Range<usize>>) -> String {
    match span {
        Some(span) => format!("{}:{}", path.display(), line(text, span.start)),
        None => path.display().to_string(),
    }
}

/// Returns the line of a byte of the text, counted from 1.
fn line(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

/// Returns the byte range of a dotted key in the text, or of its innermost table that exists; `None` if none exists. A
/// number is an index into an array, counted from 0: `interventions.1.site`.
#[must_use]
pub fn find(text: &str, key: &str) -> Option<Range<usize>> {
    let root = DeTable::parse(text).ok()?;
    let mut table = Some(root.get_ref());
    let mut array = None;
    let mut innermost = None;
    for part in key.split('.') {
        let value = if let Some(table) = table {
            let Some((name, value)) = table.iter().find(|(name, _)| name.get_ref() == part) else { break };
            innermost = Some(name.span());
            value
        } else {
            let index = |array: &'_ toml::de::DeArray<'_>| part.parse().ok().filter(|i: &usize| *i < array.len());
            let Some((array, index)) = array.and_then(|array| Some((array, index(array)?))) else { break };
            let value: &toml::Spanned<DeValue<'_>> = &array[index];
            innermost = Some(value.span());
            value
        };
        table = value.get_ref().as_table();
        array = value.get_ref().as_array();
    }
    innermost
}

/// Returns the parser's message, with the nearest key or value instead of the list of all of them.
#[must_use]
pub fn explain(message: &str) -> String {
    let message = message.trim();
    let closed_set = |start: &str, what: &str| {
        let (name, known) = message.strip_prefix(start)?.split_once('`')?;
        let known: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
        Some(format!("unknown {what} `{name}`{}", nearest(name, known)))
    };
    closed_set("unknown field `", "key")
        .or_else(|| closed_set("unknown variant `", "value"))
        .unwrap_or_else(|| message.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_in_tables_and_arrays() {
        let text = "a = 1\n[b]\nc = 2\n[[d]]\ne = 3\n[[d]]\ne = 4\n";
        let line = |key: &str| find(text, key).map(|span| line(text, span.start));
        assert_eq!(line("a"), Some(1));
        assert_eq!(line("b.c"), Some(3));
        assert_eq!(line("b.missing"), Some(2));
        assert_eq!(line("d.1.e"), Some(7));
        assert_eq!(line("d.1.f"), Some(6));
        assert_eq!(line("d.2.e"), Some(4));
        assert_eq!(line("nothing"), None);
    }
}
