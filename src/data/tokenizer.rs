//! The tokenizer of a checkpoint.

use std::ops::Range;
use std::path::Path;

use super::tokenised::{Encoded, Tokenised};
use crate::error::Error;

/// The tokenizer of a checkpoint folder.
#[derive(Clone, Debug)]
pub struct Tokenizer(tokenizers::Tokenizer);

impl Tokenizer {
    /// Reads the `tokenizer.json` of a checkpoint folder.
    pub fn load(folder: &Path) -> Result<Self, Error> {
        let path = folder.join("tokenizer.json");
        let json = std::fs::read(&path).map_err(Error::file(&path, "cannot read"))?;
        let inner = tokenizers::Tokenizer::from_bytes(json)
            .map_err(|error| Error::content(&path, format!("not a tokenizer: {error}")))?;
        Ok(Self(inner))
    }

    /// Returns the tokens of a text, without special tokens; an error if there are none.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, Error> {
        Ok(self.encoding(text, false)?.get_ids().to_vec())
    }

    /// Returns the token of a text that is one token, including its leading space; an error if it is several tokens.
    pub fn single(&self, text: &str) -> Result<u32, Error> {
        match self.encode(text)?.as_slice() {
            [token] => Ok(*token),
            tokens => Err(Error::Invalid(format!("`{text}` {}", self.several(tokens)))),
        }
    }

    /// The end of an error message about a text that is not one token.
    pub(super) fn several(&self, tokens: &[u32]) -> String {
        let names: Vec<String> = tokens.iter().map(|token| format!("`{}`", self.token(*token))).collect();
        format!("is {} tokens ({}): one is needed", tokens.len(), names.join(", "))
    }

    /// Returns the text of tokens, without special tokens.
    pub fn decode(&self, tokens: &[u32]) -> Result<String, Error> {
        self.0.decode(tokens, true).map_err(|error| Error::Invalid(format!("tokens {tokens:?}: {error}")))
    }

    /// Returns the text of one token, special or not; empty if there is no such token.
    #[must_use]
    pub fn token(&self, token: u32) -> String {
        self.text(&[token])
    }

    /// Returns the text of tokens for display, including special tokens.
    #[must_use]
    pub fn text(&self, tokens: &[u32]) -> String {
        self.0.decode(tokens, false).unwrap_or_default()
    }

    /// Returns the token with this name, for example `<|endoftext|>`.
    #[must_use]
    pub fn id(&self, name: &str) -> Option<u32> {
        self.0.token_to_id(name)
    }

    /// Returns the size of the vocabulary, including added tokens.
    #[must_use]
    pub fn vocab_size(&self) -> usize {
        self.0.get_vocab_size(true)
    }

    /// Tokenises a model's prompt, with the special tokens that the model expects at its start; an error if it is
    /// empty.
    pub fn prompt(&self, text: &str) -> Result<Tokenised, Error> {
        if text.is_empty() {
            return Err(Error::Invalid("an empty prompt: at least one character is needed".to_owned()));
        }
        Ok(Tokenised::from_text(text, self.encoded(text, true)?))
    }

    /// Returns the positions of the tokens that overlap an occurrence of `part` in `text`, counted from 0, without
    /// special tokens; an error if there is no such occurrence.
    pub fn positions(&self, text: &str, part: &str, occurrence: usize) -> Result<Range<usize>, Error> {
        Tokenised::from_text(text, self.encoded(text, false)?).positions(part, occurrence)
    }

    /// Returns the tokens of a text, after the special tokens that the model expects at its start if `special` is true.
    /// Special tokens at the end are omitted, because the model continues the prompt.
    pub(super) fn encoded(&self, text: &str, special: bool) -> Result<Encoded, Error> {
        let plain = self.encoding(text, false)?;
        let mut tokens = Vec::new();
        if special {
            let whole = self.encoding(text, true)?;
            let begin = whole.get_special_tokens_mask().iter().take_while(|mask| **mask == 1).count();
            tokens.extend_from_slice(&whole.get_ids()[..begin]);
        }
        let start = tokens.len();
        tokens.extend_from_slice(plain.get_ids());
        Ok(Encoded { tokens: tokens.into(), start, offsets: plain.get_offsets().to_vec() })
    }

    fn encoding(&self, text: &str, special: bool) -> Result<tokenizers::Encoding, Error> {
        let encoding = self.0.encode(text, special).map_err(|error| Error::Invalid(format!("`{text}`: {error}")))?;
        if encoding.is_empty() {
            return Err(Error::Invalid(format!("an empty prompt: `{text}` has no tokens")));
        }
        Ok(encoding)
    }
}
