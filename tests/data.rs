//! Pairs from files, and text to tokens.

mod malformed;
mod parquet;
mod positions;
mod selectors;
mod shown;
mod small_tokenizer;
mod smollm2;
mod token_stream;

use std::fs;
use std::path::{Path, PathBuf};

use intervene::data::{self, Position, Row, Take, Tokenizer};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn fixture(name: &str) -> PathBuf {
    root().join("tests/fixtures/data").join(name)
}

/// A byte-level BPE that knows the words of the gender data.
fn tokenizer() -> Tokenizer {
    Tokenizer::load(&fixture("")).unwrap()
}

fn slot(name: &str, take: Take) -> Position {
    Position::Slot(name.to_owned(), take)
}

/// The one row of a file with this line.
fn line(line: &str) -> Result<Row, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pairs.jsonl");
    fs::write(&path, line).unwrap();
    data::read(&path).map(|mut rows| rows.remove(0)).map_err(|error| error.to_string())
}

const GOOD: &str = r#"{"base": "Yesterday, Bob left because", "source": "Yesterday, Ann left because", "label": " she", "base_span": "Bob", "source_span": "Ann"}"#;
