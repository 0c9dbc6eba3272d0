//! Tokens to text as they come.

use super::Tokenizer;
use crate::error::Error;

/// How many tokens of the prompt the first new one is read with: some decoders treat the start of a text specially.
const BEFORE: usize = 5;

/// What a decoder puts in place of bytes that are no character yet.
const INCOMPLETE: char = '\u{FFFD}';

/// Turns tokens into text one by one. A token that ends within a character is held back until the character is whole,
/// so what comes out, joined, is the text of all tokens.
pub struct TokenStream<'a> {
    tokenizer: &'a Tokenizer,
    tokens: Vec<u32>,
    /// Tokens up to here have been given out; they are decoded again for the sake of what follows them.
    shown: usize,
}

impl<'a> TokenStream<'a> {
    /// The text to come follows `prompt`.
    #[must_use]
    pub fn after(prompt: &[u32], tokenizer: &'a Tokenizer) -> Self {
        let tokens = prompt[prompt.len().saturating_sub(BEFORE)..].to_vec();
        Self { tokenizer, shown: tokens.len(), tokens }
    }

    /// The text that a token completes; empty while a character is not whole.
    pub fn push(&mut self, token: u32) -> Result<String, Error> {
        self.tokens.push(token);
        let text = self.hidden()?;
        if text.is_empty() || text.ends_with(INCOMPLETE) {
            return Ok(String::new());
        }
        // One step's tokens are context enough for the next.
        self.tokens.drain(..self.shown.min(self.tokens.len() - 1));
        self.shown = self.tokens.len();
        Ok(text)
    }

    /// What is still held back: the pieces of a character that never became whole.
    pub fn finish(self) -> Result<String, Error> {
        self.hidden()
    }

    fn hidden(&self) -> Result<String, Error> {
        let before = self.tokenizer.decode(&self.tokens[..self.shown])?;
        let all = self.tokenizer.decode(&self.tokens)?;
        let same = before.chars().zip(all.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
        Ok(all[same..].to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tokenizer::tests::tokenizer;
    use super::*;

    #[test]
    fn the_pieces_make_the_whole_and_no_character_is_broken() {
        let tokenizer = tokenizer();
        let tokens = tokenizer.encode("Ann mé éé Ann").unwrap();
        for prompt in [0, 1, 2, 4] {
            let mut stream = TokenStream::after(&tokens[..prompt], &tokenizer);
            let mut pieces: Vec<String> = tokens[prompt..].iter().map(|token| stream.push(*token).unwrap()).collect();
            pieces.push(stream.finish().unwrap());
            assert!(pieces.iter().all(|piece| !piece.contains(INCOMPLETE)), "{pieces:?}");
            assert!(pieces.iter().any(String::is_empty), "no character was ever held back: {pieces:?}");
            let whole = tokenizer.decode(&tokens).unwrap();
            assert_eq!(pieces.concat(), whole[tokenizer.decode(&tokens[..prompt]).unwrap().len()..]);
        }
    }

    #[test]
    fn half_a_character_comes_out_at_the_end() {
        let tokenizer = tokenizer();
        let half = tokenizer.encode("é").unwrap()[0];
        let mut stream = TokenStream::after(&[], &tokenizer);
        assert_eq!(stream.push(half).unwrap(), "");
        assert_eq!(stream.finish().unwrap(), INCOMPLETE.to_string());
    }
}
