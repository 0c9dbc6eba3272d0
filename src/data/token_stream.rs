//! Decoding generated tokens to text one by one.

use super::Tokenizer;
use crate::error::Error;

/// Number of prompt tokens decoded with the first new token: some treat a text's start specially.
const CONTEXT: usize = 5;

/// The character that a decoder outputs for the bytes of an incomplete character.
const INCOMPLETE: char = '\u{FFFD}';

/// Decodes tokens one by one. A token that ends within a character is held back until the character is complete, so the
/// concatenated output is the text of all tokens.
pub struct TokenStream<'a> {
    tokenizer: &'a Tokenizer,
    tokens: Vec<u32>,
    /// The number of tokens whose text has been returned; they are decoded again as context of the following tokens.
    returned: usize,
}

impl<'a> TokenStream<'a> {
    /// Creates a stream for the tokens after `prompt`.
    #[must_use]
    pub fn after(prompt: &[u32], tokenizer: &'a Tokenizer) -> Self {
        let tokens = prompt[prompt.len().saturating_sub(CONTEXT)..].to_vec();
        Self { tokenizer, returned: tokens.len(), tokens }
    }

    /// Returns the text that a token completes; empty while a character is incomplete.
    pub fn push(&mut self, token: u32) -> Result<String, Error> {
        self.tokens.push(token);
        let text = self.pending()?;
        if text.is_empty() || text.ends_with(INCOMPLETE) {
            return Ok(String::new());
        }
        // The tokens of this step are sufficient context for the next one.
        self.tokens.drain(..self.returned.min(self.tokens.len() - 1));
        self.returned = self.tokens.len();
        Ok(text)
    }

    /// Returns the text that is still held back, which ends with an incomplete character.
    pub fn finish(self) -> Result<String, Error> {
        self.pending()
    }

    fn pending(&self) -> Result<String, Error> {
        let before = self.tokenizer.decode(&self.tokens[..self.returned])?;
        let all = self.tokenizer.decode(&self.tokens)?;
        let same = before.chars().zip(all.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
        Ok(all[same..].to_owned())
    }
}
