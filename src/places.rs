//! Where in a TOML text a mistake is, and what it is in words.

use std::ops::Range;
use std::path::Path;

use serde::de::DeserializeOwned;
use toml::de::{DeTable, DeValue};

use crate::error::{Error, nearest};

/// Reads a value from a TOML text; `path` names it in messages.
pub fn parse<T: DeserializeOwned>(text: &str, path: &Path) -> Result<T, Error> {
    toml::from_str(text).map_err(|error: toml::de::Error| Error::Recipe {
        place: place(text, path, error.span()),
        problem: explain(error.message()),
    })
}

/// File and line of a place in its text.
#[must_use]
pub fn place(text: &str, path: &Path, span: Option<Range<usize>>) -> String {
    match span {
        Some(span) => format!("{}:{}", path.display(), line(text, span.start)),
        None => path.display().to_string(),
    }
}

/// The line, counted from 1, of a byte of the text.
fn line(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

/// Where a dotted key, or the innermost of its tables that is there, stands in the text. A number counts within an
/// array, from 0: `interventions.1.site`.
#[must_use]
pub fn find(text: &str, key: &str) -> Option<Range<usize>> {
    let root = DeTable::parse(text).ok()?;
    let mut table = Some(root.get_ref());
    let mut array = None;
    let mut found = None;
    for part in key.split('.') {
        let value = if let Some(table) = table {
            let Some((name, value)) = table.iter().find(|(name, _)| name.get_ref() == part) else { break };
            found = Some(name.span());
            value
        } else {
            let within = |array: &'_ toml::de::DeArray<'_>| part.parse().ok().filter(|at: &usize| *at < array.len());
            let Some((array, at)) = array.and_then(|array| Some((array, within(array)?))) else { break };
            let value: &toml::Spanned<DeValue<'_>> = &array[at];
            found = Some(value.span());
            value
        };
        table = value.get_ref().as_table();
        array = value.get_ref().as_array();
    }
    found
}

/// The parser's message, with a suggestion in place of its list of all the keys there are.
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
