//! A file of inputs, line by line.

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{Positions, Tokenised, Tokenizer};
use crate::error::Error;
use crate::{hub, places};

/// A prompt as a file holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// In letters.
    Text(String),
    /// As token ids, taken as they are: no special tokens are added.
    Tokens(Vec<u32>),
}

impl Given {
    /// Its tokens.
    pub fn prompt(&self, tokenizer: Option<&Tokenizer>) -> Result<Tokenised, Error> {
        match (self, tokenizer) {
            (Self::Tokens(tokens), _) => Tokenised::of_tokens(tokens.clone()),
            (Self::Text(text), Some(tokenizer)) => tokenizer.prompt(text),
            (Self::Text(text), None) => Err(Error::Invalid(format!(
                "`{text}` is a text, and the model's folder has no tokenizer.json: give token ids"
            ))),
        }
    }
}

/// One line of a file of inputs: `{"base": "…", "sources": ["…"], "positions": "last"}`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// What the model runs on.
    pub base: Given,
    /// What is interchanged into it.
    #[serde(default)]
    pub sources: Vec<Given>,
    /// Where, if the line says so itself.
    pub positions: Option<Positions>,
    /// Where in the sources, if it is elsewhere.
    pub source_positions: Option<Positions>,
    /// The subspace of each intervention, `null` for one that takes what it takes otherwise.
    #[serde(default)]
    pub subspaces: Vec<Option<Vec<usize>>>,
}

/// Reads a file of JSON lines, one input each, without ever holding the whole; empty lines are passed over.
pub struct Inputs {
    path: PathBuf,
    file: BufReader<File>,
    line: usize,
}

impl Inputs {
    /// Opens a file; `hub:ORG/NAME[@REVISION]/PATH` is one of the Hub.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let path = &hub::data_file(path)?;
        let file = File::open(path).map_err(Error::file(path, "cannot read"))?;
        Ok(Self { path: path.to_owned(), file: BufReader::new(file), line: 0 })
    }

    /// File and line of the input that was read last.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{}:{}", self.path.display(), self.line)
    }

    /// An error about the input that was read last.
    #[must_use]
    pub fn wrong(&self, error: &Error) -> Error {
        Error::Data { place: self.place(), problem: error.to_string() }
    }

    fn read(&mut self) -> Result<Option<Input>, Error> {
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
                    let said = error.to_string();
                    // The line within the line is of no use to anybody.
                    let said = said.split(" at line ").next().unwrap_or_default();
                    problem(places::explain(said))
                });
            }
        }
    }
}

impl Iterator for Inputs {
    type Item = Result<Input, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Given;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a list of token ids")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Given, E> {
        Ok(Given::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Given, A::Error> {
        let mut tokens = Vec::new();
        while let Some(token) = list.next_element()? {
            tokens.push(token);
        }
        Ok(Given::Tokens(tokens))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Result<Input, String>> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let name = file.path().display().to_string();
        let inputs = Inputs::open(file.path()).unwrap();
        inputs.map(|input| input.map_err(|error| error.to_string().replace(&name, "FILE"))).collect()
    }

    #[test]
    fn a_line_is_an_input() {
        let inputs =
            read("{\"base\": \"a\"}\n\n{\"base\": [1, 2], \"sources\": [\"b\", [3]], \"positions\": [0, \"last\"]}");
        assert_eq!(inputs.len(), 2);
        let second = inputs[1].clone().unwrap();
        assert_eq!(second.base, Given::Tokens(vec![1, 2]));
        assert_eq!(second.sources, [Given::Text("b".to_owned()), Given::Tokens(vec![3])]);
        assert_eq!(second.positions.unwrap().to_string(), "0,-1");
    }

    #[test]
    fn a_mistake_has_its_line() {
        let refused = |line: &str, expected: &str| {
            let error = read(&format!("{{\"base\": \"a\"}}\n{line}\n"))[1].clone().unwrap_err();
            assert!(error.contains(expected), "{error}");
        };
        refused("{\"base\": 3}", "FILE:2: invalid type: integer `3`, expected a text or a list of token ids");
        refused("{\"basis\": \"a\"}", "FILE:2: unknown key `basis`; did you mean `base`?");
        refused("{\"sources\": []}", "FILE:2: missing field `base`");
        refused("{\"base\": [-1]}", "FILE:2: ");
        refused("not json", "FILE:2: ");
    }
}
