//! Interchanges of prompts, as text: what tasks draw and files hold.

use std::ops::Range;

use serde_json::{Map, Value};

use crate::error::{Error, nearest};
use crate::tasks::{TextPair, TextPrompt};

/// A prompt with its named parts, and the positions that its file gives as numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// The prompt.
    pub text: String,
    /// Names, and the bytes of the text that they name.
    pub spans: Vec<(String, Range<usize>)>,
    /// Positions of tokens instead of a span; from the end where negative.
    pub positions: Option<Vec<i64>>,
}

/// One interchange of prompts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The prompt that is intervened on.
    pub base: Text,
    /// For each swapped variable its number, and the prompt that its value comes from; none where the base is a prompt that
    /// is to be gone on with.
    pub sources: Vec<(usize, Text)>,
    /// What the causal model says after the interchange, a leading space included.
    pub label: String,
    /// What it says of the base itself, where that is known.
    pub base_answer: Option<String>,
    /// What it says of each source itself, where that is known.
    pub source_answers: Vec<Option<String>>,
    /// Where the row is from, for messages: `FILE:LINE`, or a task's name.
    pub place: String,
}

impl From<TextPrompt> for Text {
    fn from(prompt: TextPrompt) -> Self {
        let spans = prompt.spans.into_iter().map(|(name, span)| (name.to_owned(), span)).collect();
        Self { text: prompt.text, spans, positions: None }
    }
}

impl Row {
    /// An interchange that a task drew; `place` is the task's name.
    #[must_use]
    pub fn of_task(pair: TextPair, place: &str) -> Self {
        Self {
            base: pair.base.into(),
            sources: pair.sources.into_iter().map(|(variable, source)| (variable, source.into())).collect(),
            label: pair.label,
            base_answer: Some(pair.base_answer),
            source_answers: pair.source_answers.into_iter().map(Some).collect(),
            place: place.to_owned(),
        }
    }

    /// A row of a file. Without a source of its own, `sources` is a list with one for each variable.
    ///
    /// | key | |
    /// |---|---|
    /// | `base`, `source` | the prompts |
    /// | `label` | what the model should say after the interchange, with its leading space: `" she"` |
    /// | `base_span`, `source_span` | the part of the prompt that is meant; its first appearance as a whole word |
    /// | `base_position`, `source_position` | instead, one token's position; -1 is the last token |
    /// | `base_positions`, `source_positions` | instead, several |
    /// | `base_answer`, `source_answer` | what a model that solves the task says without an intervention (not needed) |
    /// | `sources` | several sources: objects with the keys that begin with `source` |
    /// | `prompt`, `completion` | instead of all the others: a prompt, and how it is to be gone on with |
    pub fn from_json(row: &Map<String, Value>, place: &str) -> Result<Self, Error> {
        let wrong = |problem: String| Error::Data { place: place.to_owned(), problem };
        if row.contains_key("prompt") || row.contains_key("completion") {
            return completion(row, place).map_err(wrong);
        }
        only(row, &ROW).map_err(wrong)?;
        let read = || -> Result<Self, String> {
            let base = text(row, "base")?;
            let sources = match row.get("sources").filter(|value| !value.is_null()) {
                None => vec![(text(row, "source")?, string(row, "source_answer")?)],
                Some(_) if row.keys().any(|key| SOURCE.contains(&key.as_str())) => {
                    return Err("give `source` with its keys, or `sources`, not both".to_owned());
                }
                Some(Value::Array(list)) if !list.is_empty() => {
                    list.iter().map(nested).collect::<Result<Vec<_>, String>>()?
                }
                Some(_) => return Err("`sources` is a list with at least one object".to_owned()),
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

/// The keys of a row without a source.
pub(super) const COMPLETION: [&str; 2] = ["prompt", "completion"];

fn completion(row: &Map<String, Value>, place: &str) -> Result<Row, String> {
    only(row, &COMPLETION)?;
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

fn only(row: &Map<String, Value>, known: &[&str]) -> Result<(), String> {
    match row.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(format!("unknown key `{key}`{}", nearest(key, known.iter().copied()))),
        None => Ok(()),
    }
}

fn nested(value: &Value) -> Result<(Text, Option<String>), String> {
    let Value::Object(source) = value else { return Err(format!("a source in `sources` is an object, not {value}")) };
    only(source, &SOURCE)?;
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
        Some(other) => Err(format!("`{key}` is a text in quotation marks, not {other}")),
    }
}

/// A prompt, and the keys that say which part of it is meant.
fn text(row: &Map<String, Value>, key: &str) -> Result<Text, String> {
    let [span, one, several] = ["span", "position", "positions"].map(|end| format!("{key}_{end}"));
    let given: Vec<&String> =
        [&span, &one, &several].into_iter().filter(|k| row.get(*k).is_some_and(|v| !v.is_null())).collect();
    if let [first, second, ..] = given[..] {
        return Err(format!("give `{first}` or `{second}`, not both"));
    }
    let text = string(row, key)?.ok_or_else(|| missing(row, key))?;
    let Some((last, _)) = text.char_indices().next_back().filter(|_| !text.trim().is_empty()) else {
        return Err(format!("`{key}` is empty: a prompt has words"));
    };
    let mut spans = vec![("last".to_owned(), last..text.len())];
    if let Some(part) = string(row, &span)? {
        let found = find(&text, &part).ok_or_else(|| format!("`{span}` \"{part}\" is not in `{key}` \"{text}\""))?;
        spans.push(("span".to_owned(), found));
    }
    let whole = |key: &str, value: &Value| {
        value.as_i64().ok_or_else(|| format!("`{key}`: {value} is no position: a whole number, -1 for the last token"))
    };
    let positions = match (row.get(&one).filter(|v| !v.is_null()), row.get(&several).filter(|v| !v.is_null())) {
        (Some(value), _) => Some(vec![whole(&one, value)?]),
        (None, Some(Value::Array(list))) if !list.is_empty() => {
            Some(list.iter().map(|value| whole(&several, value)).collect::<Result<_, String>>()?)
        }
        (None, Some(other)) => return Err(format!("`{several}` is a list of whole numbers, not {other}")),
        (None, None) => None,
    };
    Ok(Text { text, spans, positions })
}

/// Where the part first stands as a whole word; where it nowhere does, where it first stands.
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
