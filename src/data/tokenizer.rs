//! Text to tokens and back.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::Tokenised;
use crate::error::Error;

/// A text's tokens, and which bytes of it each one is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Encoded {
    /// The tokens, the special ones that begin the text included.
    pub tokens: Arc<[u32]>,
    /// The number of special tokens that begin it.
    start: usize,
    /// The bytes of each token after those.
    offsets: Vec<(usize, usize)>,
}

impl Encoded {
    /// The positions of the tokens that the bytes touch.
    pub fn touching(&self, bytes: &Range<usize>) -> Option<Range<usize>> {
        let touches = |(start, end): &(usize, usize)| *start < bytes.end && bytes.start < *end;
        let first = self.offsets.iter().position(touches)?;
        let last = self.offsets.iter().rposition(touches)?;
        Some(self.start + first..self.start + last + 1)
    }
}

/// The tokenizer of a checkpoint folder.
#[derive(Clone, Debug)]
pub struct Tokenizer(tokenizers::Tokenizer);

impl Tokenizer {
    /// Reads the folder's `tokenizer.json`.
    pub fn load(folder: &Path) -> Result<Self, Error> {
        let path = folder.join("tokenizer.json");
        let json = std::fs::read(&path).map_err(Error::file(&path, "reading the tokenizer"))?;
        let inner = tokenizers::Tokenizer::from_bytes(json)
            .map_err(|error| Error::content(&path, format!("is no tokenizer: {error}")))?;
        Ok(Self(inner))
    }

    /// The tokens of a text, without special tokens; an error when there are none.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, Error> {
        Ok(self.encoding(text, false)?.get_ids().to_vec())
    }

    /// The tokens of a text with the special tokens that the model expects around it.
    pub fn encode_with_special_tokens(&self, text: &str) -> Result<Vec<u32>, Error> {
        Ok(self.encoding(text, true)?.get_ids().to_vec())
    }

    /// The one token that a text is, its leading space included; an error when it is several.
    pub fn single(&self, text: &str) -> Result<u32, Error> {
        match self.encode(text)?.as_slice() {
            [token] => Ok(*token),
            tokens => Err(Error::Invalid(format!(
                "`{text}` is {} tokens ({}): one is needed",
                tokens.len(),
                tokens.iter().map(|token| format!("`{}`", self.token(*token))).collect::<Vec<_>>().join(", ")
            ))),
        }
    }

    /// The text of tokens; special tokens are left out.
    pub fn decode(&self, tokens: &[u32]) -> Result<String, Error> {
        self.0.decode(tokens, true).map_err(|error| Error::Invalid(format!("tokens {tokens:?}: {error}")))
    }

    /// The text of one token, special or not; empty where there is no such token.
    #[must_use]
    pub fn token(&self, token: u32) -> String {
        self.text(&[token])
    }

    /// The text of tokens, special ones included, for people to read.
    #[must_use]
    pub fn text(&self, tokens: &[u32]) -> String {
        self.0.decode(tokens, false).unwrap_or_default()
    }

    /// The token of that name, for example `<|endoftext|>`.
    #[must_use]
    pub fn id(&self, name: &str) -> Option<u32> {
        self.0.token_to_id(name)
    }

    /// The number of tokens, added ones included.
    #[must_use]
    pub fn vocab_size(&self) -> usize {
        self.0.get_vocab_size(true)
    }

    /// A text as a model's prompt, begun with the special tokens that the model expects there.
    pub fn prompt(&self, text: &str) -> Result<Tokenised, Error> {
        if text.is_empty() {
            return Err(Error::Invalid("an empty prompt: a text without a single character was given".to_owned()));
        }
        Ok(Tokenised::of_text(text, self.encoded(text, true)?))
    }

    /// The positions of the tokens that the `occurrence`-th (from 0) appearance of `part` in `text` touches, without
    /// special tokens.
    pub fn positions(&self, text: &str, part: &str, occurrence: usize) -> Result<Range<usize>, Error> {
        Tokenised::of_text(text, self.encoded(text, false)?).positions(part, occurrence)
    }

    /// The positions of the tokens that a range of the text's bytes touches, without special tokens.
    pub fn positions_of_bytes(&self, text: &str, bytes: Range<usize>) -> Result<Range<usize>, Error> {
        self.encoded(text, false)?.touching(&bytes).ok_or_else(|| {
            Error::Invalid(format!("no token of `{text}` holds `{}`", text.get(bytes).unwrap_or("these bytes")))
        })
    }

    /// The tokens of a text, begun with the special tokens that the model expects there where `special` says so. Special
    /// tokens after the text are left out: a prompt is to be gone on with.
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

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Words and single letters; `Ann` is one token.
    pub fn tokenizer() -> Tokenizer {
        let json = r#"{"version":"1.0","truncation":null,"padding":null,"added_tokens":[],"normalizer":null,
            "pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":false,"use_regex":true},
            "post_processor":null,"decoder":{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":false,"use_regex":true},
            "model":{"type":"BPE","vocab":{"A":0,"n":1,"Ġ":2,"m":3,"e":4,"t":5,"An":6,"Ann":7,"ĠAnn":8,"Ġm":9,"Ã":10,"©":11},
            "merges":["A n","An n","Ġ Ann","Ġ m"]}}"#;
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("tokenizer.json"), json).unwrap();
        Tokenizer::load(folder.path()).unwrap()
    }

    #[test]
    fn text_goes_there_and_back() {
        let tokenizer = tokenizer();
        let tokens = tokenizer.encode("Ann met Ann").unwrap();
        assert_eq!(tokens, [7, 9, 4, 5, 8]);
        assert_eq!(tokenizer.decode(&tokens).unwrap(), "Ann met Ann");
        assert_eq!(tokenizer.single(" Ann").unwrap(), 8);
        assert!(tokenizer.single(" met").unwrap_err().to_string().contains("is 3 tokens (` m`, `e`, `t`)"));
    }

    #[test]
    fn a_part_is_found_by_its_bytes() {
        let tokenizer = tokenizer();
        assert_eq!(tokenizer.positions("Ann met Ann", "Ann", 0).unwrap(), 0..1);
        assert_eq!(tokenizer.positions("Ann met Ann", "Ann", 1).unwrap(), 4..5);
        assert_eq!(tokenizer.positions("Ann met Ann", "met", 0).unwrap(), 1..4);
        assert_eq!(tokenizer.positions("né Ann", "Ann", 0).unwrap(), 3..4);
        let error = tokenizer.positions("Ann met Ann", "Ann", 2).unwrap_err().to_string();
        assert!(error.contains("2 times"), "{error}");
    }

    #[test]
    fn an_empty_prompt_is_refused() {
        assert!(tokenizer().encode("").unwrap_err().to_string().contains("an empty prompt"));
    }
}
