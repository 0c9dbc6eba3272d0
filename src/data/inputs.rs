//! Files of inputs, read line by line.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Positions, Tokenised, Tokenizer};
use crate::error::Error;
use crate::places;

/// A prompt in a file of inputs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "expected a text or a list of token ids (whole numbers from 0)")]
pub enum InputPrompt {
    /// A text.
    Text(String),
    /// Token ids; no special tokens are added.
    Tokens(Vec<u32>),
}

impl InputPrompt {
    /// Returns the prompt's tokens; an error if there are none, or for a text without a tokenizer.
    pub fn prompt(&self, tokenizer: Option<&Tokenizer>) -> Result<Tokenised, Error> {
        match (self, tokenizer) {
            (Self::Tokens(tokens), _) => Tokenised::from_tokens(tokens.clone()),
            (Self::Text(text), Some(tokenizer)) => tokenizer.prompt(text),
            (Self::Text(text), None) => Err(Error::Invalid(format!(
                "`{text}` is a text, but the model's folder has no tokenizer.json: token ids are needed"
            ))),
        }
    }
}

/// One line of a file of inputs: `{"base": "…", "sources": ["…"], "positions": "last"}`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputLine {
    /// The prompt that the model runs on.
    pub base: InputPrompt,
    /// The prompts whose activations are interchanged into the base.
    #[serde(default)]
    pub sources: Vec<InputPrompt>,
    /// The positions of this line; `None` for the default positions.
    pub positions: Option<Positions>,
    /// The positions in the sources; `None` if they are the same as in the base.
    pub source_positions: Option<Positions>,
    /// The subspace of each intervention; `null` for an intervention's default.
    #[serde(default)]
    pub subspaces: Vec<Option<Vec<usize>>>,
}

/// A reader of JSON lines, one input each. It never holds the whole file in memory; empty lines are skipped.
pub struct InputReader {
    path: PathBuf,
    file: BufReader<File>,
    line: usize,
}

impl InputReader {
    /// Opens a file.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(Error::file(path, "cannot read"))?;
        Ok(Self { path: path.to_owned(), file: BufReader::new(file), line: 0 })
    }

    /// Returns `FILE:LINE` of the input that was read last.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{}:{}", self.path.display(), self.line)
    }

    /// Returns an error about the input that was read last.
    #[must_use]
    pub fn wrong(&self, error: &Error) -> Error {
        Error::Data { place: self.place(), problem: error.to_string() }
    }

    fn read(&mut self) -> Result<Option<InputLine>, Error> {
        loop {
            let mut bytes = Vec::new();
            self.line += 1;
            let read = self.file.read_until(b'\n', &mut bytes).map_err(Error::file(&self.path, "cannot read"))?;
            if read == 0 {
                return Ok(None);
            }
            let problem = |problem: String| Error::Data { place: self.place(), problem };
            let text = std::str::from_utf8(&bytes).map_err(|_| problem("not UTF-8".to_owned()))?;
            if !text.trim().is_empty() {
                return serde_json::from_str(text).map(Some).map_err(|error| {
                    let message = error.to_string();
                    // The parser's line number counts within this one line, so it is removed.
                    let message = message.split(" at line ").next().unwrap_or_default();
                    problem(places::explain(message))
                });
            }
        }
    }
}

impl Iterator for InputReader {
    type Item = Result<InputLine, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Result<InputLine, String>> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let name = file.path().display().to_string();
        let inputs = InputReader::open(file.path()).unwrap();
        inputs.map(|input| input.map_err(|error| error.to_string().replace(&name, "FILE"))).collect()
    }

    #[test]
    fn a_line_is_an_input() {
        let inputs =
            read("{\"base\": \"a\"}\n\n{\"base\": [1, 2], \"sources\": [\"b\", [3]], \"positions\": [0, \"last\"]}");
        assert_eq!(inputs.len(), 2);
        let second = inputs[1].clone().unwrap();
        assert_eq!(second.base, InputPrompt::Tokens(vec![1, 2]));
        assert_eq!(second.sources, [InputPrompt::Text("b".to_owned()), InputPrompt::Tokens(vec![3])]);
        assert_eq!(second.positions.unwrap().to_string(), "0,-1");
    }

    #[test]
    fn an_error_names_its_line() {
        let refused = |line: &str, expected: &str| {
            let error = read(&format!("{{\"base\": \"a\"}}\n{line}\n"))[1].clone().unwrap_err();
            assert!(error.contains(expected), "{error}");
        };
        refused("{\"base\": 3}", "FILE:2: expected a text or a list of token ids");
        refused("{\"basis\": \"a\"}", "FILE:2: unknown key `basis`; did you mean `base`?");
        refused("{\"sources\": []}", "FILE:2: missing field `base`");
        refused("{\"base\": [-1]}", "FILE:2: expected a text or a list of token ids");
        refused("not json", "FILE:2: ");
    }
}
