//! Rows of data: pairs of prompts as text, drawn from tasks or read from files.

use std::ops::Range;

use serde_json::{Map, Value};

use crate::error::{Error, nearest};
use crate::tasks::{TextPair, TextPrompt};

/// A prompt with its named parts, or with positions from its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// The prompt.
    pub text: String,
    /// The names of the parts and their byte ranges in the text.
    pub spans: Vec<(String, Range<usize>)>,
    /// Token indices instead of a span; a negative index counts from the end.
    pub positions: Option<Vec<i64>>,
}

/// One interchange of prompts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The prompt that is intervened on.
    pub base: Text,
    /// For each swapped variable, its index and the prompt that supplies its value; empty for a prompt with a
    /// completion.
    pub sources: Vec<(usize, Text)>,
    /// The causal model's answer after the interchange, with its leading space; or the completion.
    pub label: String,
    /// The causal model's answer to the base, if known.
    pub base_answer: Option<String>,
    /// The causal model's answer to each source, if known.
    pub source_answers: Vec<Option<String>>,
    /// The origin of the row for error messages: `FILE:LINE`, or the task's name.
    pub place: String,
}

impl From<TextPrompt> for Text {
    fn from(prompt: TextPrompt) -> Self {
        let spans = prompt.spans.into_iter().map(|(name, span)| (name.to_owned(), span)).collect();
        Self { text: prompt.text, spans, positions: None }
    }
}

impl Row {
    /// Creates a row from an interchange that was drawn from a task; `place` is the task's name.
    #[must_use]
    pub fn from_task(pair: TextPair, place: &str) -> Self {
        Self {
            base: pair.base.into(),
            sources: pair.sources.into_iter().map(|(variable, source)| (variable, source.into())).collect(),
            label: pair.label,
            base_answer: Some(pair.base_answer),
            source_answers: pair.source_answers.into_iter().map(Some).collect(),
            place: place.to_owned(),
        }
    }

    /// Reads a row of a file. A row has either a `source` or a list `sources` with one source for each variable.
    /// Unknown and missing keys and wrong types are errors that name `place`.
    ///
    /// | key | value |
    /// |---|---|
    /// | `base`, `source` | the prompts |
    /// | `label` | the correct answer after the interchange, with its leading space: `" she"` |
    /// | `base_span`, `source_span` | the part of the prompt to intervene on; its first occurrence as a whole word |
    /// | `base_position`, `source_position` | one token index instead of a span; -1 is the last token |
    /// | `base_positions`, `source_positions` | several token indices instead of a span |
    /// | `base_answer`, `source_answer` | the correct answer without an intervention (optional) |
    /// | `sources` | several sources: objects with the keys that begin with `source` |
    /// | `prompt`, `completion` | instead of all other keys: a prompt and its completion |
    pub fn from_json(row: &Map<String, Value>, place: &str) -> Result<Self, Error> {
        let wrong = |problem: String| Error::Data { place: place.to_owned(), problem };
        if row.contains_key("prompt") || row.contains_key("completion") {
            return completion(row, place).map_err(wrong);
        }
        check_keys(row, &ROW).map_err(wrong)?;
        let read = || -> Result<Self, String> {
            let base = text(row, "base")?;
            let sources = match row.get("sources").filter(|value| !value.is_null()) {
                None => vec![(text(row, "source")?, string(row, "source_answer")?)],
                Some(_) if row.keys().any(|key| SOURCE.contains(&key.as_str())) => {
                    return Err("expected `source` with its keys, or `sources`, not both".to_owned());
                }
                Some(Value::Array(list)) if !list.is_empty() => {
                    list.iter().map(nested).collect::<Result<Vec<_>, String>>()?
                }
                Some(_) => return Err("`sources` must be a list with at least one object".to_owned()),
            };
            let (sources, source_answers): (Vec<Text>, _) = sources.into_iter().unzip();
            Ok(Self {
                base,
                sources: sources.into_iter().enumerate().collect(),
                label: string(row, "label")?.ok_or_else(|| missing(row, "label"))?,
                base_answer: string(row, "base_answer")?,
                source_answers,
                place: place.to_owned(),
            })
        };
        read().map_err(wrong)
    }
}

/// The keys of a row with a completion.
pub(super) const COMPLETION: [&str; 2] = ["prompt", "completion"];

fn completion(row: &Map<String, Value>, place: &str) -> Result<Row, String> {
    check_keys(row, &COMPLETION)?;
    Ok(Row {
        base: text(row, "prompt")?,
        sources: vec![],
        label: string(row, "completion")?.ok_or_else(|| missing(row, "completion"))?,
        base_answer: None,
        source_answers: vec![],
        place: place.to_owned(),
    })
}

/// The keys of a source.
const SOURCE: [&str; 5] = ["source", "source_span", "source_position", "source_positions", "source_answer"];
/// The keys of a row.
pub(super) const ROW: [&str; 12] = [
    "base",
    "source",
    "label",
    "base_span",
    "source_span",
    "base_position",
    "source_position",
    "base_positions",
    "source_positions",
    "base_answer",
    "source_answer",
    "sources",
];

fn check_keys(row: &Map<String, Value>, known: &[&str]) -> Result<(), String> {
    match row.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(format!("unknown key `{key}`{}", nearest(key, known.iter().copied()))),
        None => Ok(()),
    }
}

fn nested(value: &Value) -> Result<(Text, Option<String>), String> {
    let Value::Object(source) = value else {
        return Err(format!("each source in `sources` must be an object, not {value}"));
    };
    check_keys(source, &SOURCE)?;
    Ok((text(source, "source")?, string(source, "source_answer")?))
}

fn missing(row: &Map<String, Value>, key: &str) -> String {
    let keys: Vec<&str> = row.keys().map(String::as_str).collect();
    format!("the key `{key}` is missing; there are: {}", keys.join(", "))
}

fn string(row: &Map<String, Value>, key: &str) -> Result<Option<String>, String> {
    match row.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Err(format!("`{key}` is empty")),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(other) => Err(format!("`{key}` must be a text in quotation marks, not {other}")),
    }
}

/// Reads a prompt and its span or positions.
fn text(row: &Map<String, Value>, key: &str) -> Result<Text, String> {
    let [span, one, several] = ["span", "position", "positions"].map(|end| format!("{key}_{end}"));
    let present: Vec<&String> =
        [&span, &one, &several].into_iter().filter(|k| row.get(*k).is_some_and(|v| !v.is_null())).collect();
    if let [first, second, ..] = present[..] {
        return Err(format!("expected `{first}` or `{second}`, not both"));
    }
    let text = string(row, key)?.ok_or_else(|| missing(row, key))?;
    let Some((last, _)) = text.char_indices().next_back().filter(|_| !text.trim().is_empty()) else {
        return Err(format!("`{key}` is empty: a prompt needs at least one word"));
    };
    let mut spans = vec![("last".to_owned(), last..text.len())];
    if let Some(part) = string(row, &span)? {
        let range = find(&text, &part).ok_or_else(|| format!("`{span}` \"{part}\" is not in `{key}` \"{text}\""))?;
        spans.push(("span".to_owned(), range));
    }
    let index = |key: &str, value: &Value| {
        value.as_i64().ok_or_else(|| format!("`{key}` must be a whole number (-1 for the last token), not {value}"))
    };
    let positions = match (row.get(&one).filter(|v| !v.is_null()), row.get(&several).filter(|v| !v.is_null())) {
        (Some(value), _) => Some(vec![index(&one, value)?]),
        (None, Some(Value::Array(list))) if !list.is_empty() => {
            Some(list.iter().map(|value| index(&several, value)).collect::<Result<_, String>>()?)
        }
        (None, Some(other)) => return Err(format!("`{several}` must be a list of whole numbers, not {other}")),
        (None, None) => None,
    };
    Ok(Text { text, spans, positions })
}

/// Returns the byte range of the first occurrence of `part` as a whole word; if there is none, of its first occurrence.
fn find(text: &str, part: &str) -> Option<Range<usize>> {
    let joins =
        |a: Option<char>, b: Option<char>| a.zip(b).is_some_and(|(a, b)| a.is_alphanumeric() && b.is_alphanumeric());
    let whole = |start: &usize| {
        let (before, after) = (&text[..*start], &text[*start + part.len()..]);
        !joins(before.chars().next_back(), part.chars().next())
            && !joins(part.chars().next_back(), after.chars().next())
    };
    let starts: Vec<usize> = text.match_indices(part).map(|(start, _)| start).collect();
    let start = starts.iter().find(|start| whole(start)).or(starts.first())?;
    Some(*start..start + part.len())
}
