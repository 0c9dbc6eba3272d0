//! A row as text and as tokens: tokenised once, whatever positions are asked for.

use std::ops::Range;
use std::sync::Arc;

use super::position::{Position, Take};
use super::row::{Row, Text};
use super::tokenised::Encoded;
use super::{Pair, Prompt};
use crate::error::{Error, nearest};

/// A row and its tokens. Its pairs for different positions share the tokens.
#[derive(Clone, Debug)]
pub struct EncodedRow {
    row: Row,
    tokens: RowTokens,
}

/// The tokens of a row.
#[derive(Clone, Debug)]
pub(super) struct RowTokens {
    /// The base without a completion.
    pub base: Encoded,
    /// The base's tokens, and those of a completion but its last.
    pub whole: Arc<[u32]>,
    pub sources: Vec<Encoded>,
    pub labels: Vec<u32>,
    pub base_answer: Option<u32>,
    pub source_answers: Vec<Option<u32>>,
}

impl EncodedRow {
    pub(super) const fn new(row: Row, tokens: RowTokens) -> Self {
        Self { row, tokens }
    }

    /// The row as text.
    #[must_use]
    pub const fn row(&self) -> &Row {
        &self.row
    }

    /// Numbers the variable that all of its sources swap.
    pub fn set_variable(&mut self, variable: usize) {
        self.row.sources.iter_mut().for_each(|(number, _)| *number = variable);
    }

    /// Whether the label is what the causal model says of the base itself.
    #[must_use]
    pub fn keeps_answer(&self) -> bool {
        self.tokens.base_answer.is_some_and(|answer| self.tokens.labels == [answer])
    }

    /// The row's tokens, with those at a position.
    pub fn pair(&self, position: &Position) -> Result<Pair, Error> {
        self.pair_at(position).map_err(|problem| Error::Data { place: self.row.place.clone(), problem })
    }

    fn pair_at(&self, position: &Position) -> Result<Pair, String> {
        let (row, tokens) = (&self.row, &self.tokens);
        let which = if row.sources.is_empty() { "prompt" } else { "base" };
        let at_base = positions(position, &row.base, &tokens.base, which)?;
        let mut sources = Vec::with_capacity(row.sources.len());
        for ((variable, text), encoded) in row.sources.iter().zip(&tokens.sources) {
            let positions = positions(position, text, encoded, "source")?;
            let [here, there] = [&at_base, &positions].map(Vec::len);
            if here != there {
                return Err(format!(
                    "position `{position}` is {here} tokens of the base and {there} of the source: the numbers must be equal"
                ));
            }
            sources.push((*variable, Prompt { tokens: encoded.tokens.clone(), positions }));
        }
        Ok(Pair {
            base: Prompt { tokens: tokens.whole.clone(), positions: at_base },
            sources,
            labels: tokens.labels.clone(),
            base_answer: tokens.base_answer,
            source_answers: tokens.source_answers.clone(),
        })
    }
}

/// The tokens of a prompt that a position means; `which` names the prompt in messages.
fn positions(position: &Position, text: &Text, encoded: &Encoded, which: &str) -> Result<Vec<usize>, String> {
    let from_index = |index: i64| {
        let count = encoded.tokens.len();
        let position = if index < 0 { index + count as i64 } else { index };
        usize::try_from(position).ok().filter(|position| *position < count).ok_or_else(|| {
            format!("position {index} does not exist: the {which} \"{}\" has {count} tokens, counted from 0", text.text)
        })
    };
    let (slot, take) = match position {
        Position::Index(index) => return Ok(vec![from_index(*index)?]),
        Position::Ends { first, last } => {
            let count = encoded.tokens.len();
            if first + last > count {
                let text = &text.text;
                return Err(format!("position `{position}`: the {which} \"{text}\" has only {count} tokens"));
            }
            return Ok((0..*first).chain(count - last..count).collect());
        }
        Position::Slot(slot, take) => (slot, take),
    };
    if let (Some(positions), "span") = (&text.positions, slot.as_str()) {
        return positions.iter().map(|index| from_index(*index)).collect();
    }
    let span = text.spans.iter().find(|(name, _)| name == slot).map(|(_, span)| span.clone());
    let span: Range<usize> = span.ok_or_else(|| {
        if slot == "span" {
            return format!("the position is missing: `{which}_span` or `{which}_position` is needed");
        }
        format!("there is no position `{slot}`{}", nearest(slot, text.spans.iter().map(|(name, _)| name.as_str())))
    })?;
    let tokens =
        encoded.touching(&span).ok_or_else(|| format!("no token contains \"{}\"", &text.text[span.clone()]))?;
    Ok(match take {
        Take::First => vec![tokens.start],
        Take::Last => vec![tokens.end - 1],
        Take::All => tokens.collect(),
    })
}
