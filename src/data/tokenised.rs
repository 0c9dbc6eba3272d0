//! What a model is given: tokens, and where they came from.

use std::ops::Range;

use super::tokenizer::Encoded;
use crate::error::Error;

/// The tokens of one example, with the text that they are of, where there was one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokenised(Origin);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Origin {
    Tokens(Vec<u32>),
    Text(String, Encoded),
}

impl Tokenised {
    /// Tokens as they are; an error when there are none.
    pub fn of_tokens(tokens: Vec<u32>) -> Result<Self, Error> {
        if tokens.is_empty() {
            return Err(Error::Invalid("an empty prompt: at least one token is needed".to_owned()));
        }
        Ok(Self(Origin::Tokens(tokens)))
    }

    pub(super) fn of_text(text: &str, encoded: Encoded) -> Self {
        Self(Origin::Text(text.to_owned(), encoded))
    }

    /// The tokens; at least one.
    #[must_use]
    pub fn tokens(&self) -> &[u32] {
        match &self.0 {
            Origin::Tokens(tokens) => tokens,
            Origin::Text(_, encoded) => &encoded.tokens,
        }
    }

    /// The number of tokens.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "a prompt is never empty")]
    pub fn len(&self) -> usize {
        self.tokens().len()
    }

    /// The text, where the prompt came from one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.0 {
            Origin::Tokens(_) => None,
            Origin::Text(text, _) => Some(text),
        }
    }

    /// The positions of the tokens that the `occurrence`-th (from 0) appearance of `part` touches.
    pub fn positions(&self, part: &str, occurrence: usize) -> Result<Range<usize>, Error> {
        let Origin::Text(text, encoded) = &self.0 else {
            return Err(Error::Invalid(format!(
                "`{part}` cannot be looked for among token ids: give the prompt as a text, or the positions as numbers"
            )));
        };
        if part.is_empty() {
            return Err(Error::Invalid(format!("an empty part of `{text}` has no tokens")));
        }
        let starts: Vec<usize> = text.match_indices(part).map(|(start, _)| start).collect();
        let Some(start) = starts.get(occurrence) else {
            return Err(Error::Invalid(match starts.len() {
                0 => format!("`{part}` is not in `{text}`"),
                times => format!(
                    "`{part}` is in `{text}` {times} times: there is no occurrence {occurrence}, counted from 0"
                ),
            }));
        };
        let touched = encoded.touching(&(*start..start + part.len()));
        touched.ok_or_else(|| Error::Invalid(format!("no token of `{text}` holds `{part}`")))
    }
}
