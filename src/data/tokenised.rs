//! Tokenised prompts: tokens, with the text that they come from.

use std::ops::Range;
use std::sync::Arc;

use crate::error::Error;

/// A text's tokens with their byte ranges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Encoded {
    /// The tokens, including the special tokens at the start.
    pub tokens: Arc<[u32]>,
    /// The number of special tokens at the start.
    pub start: usize,
    /// The byte range of each further token.
    pub offsets: Vec<(usize, usize)>,
}

impl Encoded {
    /// Returns the positions of the tokens that overlap a byte range; `None` if there are none.
    pub fn touching(&self, bytes: &Range<usize>) -> Option<Range<usize>> {
        let touches = |(start, end): &(usize, usize)| *start < bytes.end && bytes.start < *end;
        let first = self.offsets.iter().position(touches)?;
        let last = self.offsets.iter().rposition(touches)?;
        Some(self.start + first..self.start + last + 1)
    }
}

/// The tokens of one example, with their text if there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokenised(TokenOrigin);

#[derive(Clone, Debug, PartialEq, Eq)]
enum TokenOrigin {
    Tokens(Vec<u32>),
    Text(String, Encoded),
}

impl Tokenised {
    /// Creates a prompt from tokens; an error if there are none.
    pub fn from_tokens(tokens: Vec<u32>) -> Result<Self, Error> {
        if tokens.is_empty() {
            return Err(Error::Invalid("an empty prompt: at least one token is needed".to_owned()));
        }
        Ok(Self(TokenOrigin::Tokens(tokens)))
    }

    pub(super) fn from_text(text: &str, encoded: Encoded) -> Self {
        Self(TokenOrigin::Text(text.to_owned(), encoded))
    }

    /// Returns the tokens, at least one.
    #[must_use]
    pub fn tokens(&self) -> &[u32] {
        match &self.0 {
            TokenOrigin::Tokens(tokens) => tokens,
            TokenOrigin::Text(_, encoded) => &encoded.tokens,
        }
    }

    /// Returns the number of tokens.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "a prompt is never empty")]
    pub fn len(&self) -> usize {
        self.tokens().len()
    }

    /// Returns the text; `None` for a prompt from token ids.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.0 {
            TokenOrigin::Tokens(_) => None,
            TokenOrigin::Text(text, _) => Some(text),
        }
    }

    /// Returns the positions of the tokens that overlap an occurrence of `part`, counted from 0. An error if the text
    /// has no such occurrence, or if there is no text.
    pub fn positions(&self, part: &str, occurrence: usize) -> Result<Range<usize>, Error> {
        let TokenOrigin::Text(text, encoded) = &self.0 else {
            return Err(Error::Invalid(format!(
                "`{part}` cannot be searched among token ids: write the prompt as a text, or the positions as numbers"
            )));
        };
        if part.is_empty() {
            return Err(Error::Invalid(format!("the part of `{text}` is empty: at least one character is needed")));
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
        let positions = encoded.touching(&(*start..start + part.len()));
        positions.ok_or_else(|| Error::Invalid(format!("no token of `{text}` contains `{part}`")))
    }
}
