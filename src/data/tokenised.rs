//! What a model is given: tokens, and where they came from.

use std::ops::Range;

use crate::error::Error;

/// The tokens of one example, with the text that they are of, where there was one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokenised {
    tokens: Vec<u32>,
    /// The text, and which of its bytes each token is of (none for special tokens).
    text: Option<(String, Vec<(usize, usize)>)>,
}

impl Tokenised {
    /// Tokens as they are; an error when there are none.
    pub fn of_tokens(tokens: Vec<u32>) -> Result<Self, Error> {
        if tokens.is_empty() {
            return Err(Error::Invalid("an empty prompt: at least one token is needed".to_owned()));
        }
        Ok(Self { tokens, text: None })
    }

    pub(super) fn of_text(text: &str, tokens: &[u32], offsets: &[(usize, usize)]) -> Self {
        Self { tokens: tokens.to_vec(), text: Some((text.to_owned(), offsets.to_vec())) }
    }

    /// The tokens; at least one.
    #[must_use]
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// The number of tokens.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "a prompt is never empty")]
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// The text, where the prompt came from one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.text.as_ref().map(|(text, _)| text.as_str())
    }

    /// The positions of the tokens that the `occurrence`-th (from 0) appearance of `part` touches.
    pub fn positions(&self, part: &str, occurrence: usize) -> Result<Range<usize>, Error> {
        let Some(text) = self.text() else {
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
        self.positions_of_bytes(*start..start + part.len())
    }

    /// The positions of the tokens that a range of the text's bytes touches.
    pub fn positions_of_bytes(&self, bytes: Range<usize>) -> Result<Range<usize>, Error> {
        let Some((text, offsets)) = &self.text else {
            return Err(Error::Invalid("token ids have no text to look in".to_owned()));
        };
        let touches = |(start, end): &(usize, usize)| *start < bytes.end && bytes.start < *end;
        match (offsets.iter().position(touches), offsets.iter().rposition(touches)) {
            (Some(first), Some(last)) => Ok(first..last + 1),
            _ => Err(Error::Invalid(format!(
                "no token of `{text}` holds `{}`",
                text.get(bytes.clone()).unwrap_or("these bytes")
            ))),
        }
    }
}
