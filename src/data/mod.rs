//! From text and files to the tokens of a batch.
//!
//! Tasks and files give [`Row`]s of text with named parts; an [`Encoder`] makes [`Pair`]s of tokens of them.

mod encoded_row;
mod encoder;
mod inputs;
pub mod jsonl;
mod pair;
pub mod parquet;
mod position;
mod positions;
mod row;
mod show;
mod token_stream;
mod tokenised;
mod tokenizer;

pub use encoded_row::EncodedRow;
pub use encoder::{Drawn, Encoder};
pub use inputs::{Given, Input, Inputs};
pub use pair::{Pair, Prompt};
pub use position::{Position, Take};
pub use positions::Positions;
pub use row::{Row, Text};
pub use show::{Marks, pieces, show};
pub use token_stream::TokenStream;
pub use tokenised::Tokenised;
pub use tokenizer::Tokenizer;

use std::path::Path;

use crate::error::Error;
use crate::hub;

/// Reads a file's rows: `.jsonl` and `.parquet` by their names; `hub:ORG/NAME[@REVISION]/PATH` is a file of the Hub.
pub fn read(path: &Path) -> Result<Vec<Row>, Error> {
    let path = &hub::data_file(path)?;
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("jsonl") => jsonl::read(path),
        Some("parquet") => parquet::read(path),
        _ => Err(Error::content(path, "the name of a file of pairs ends in .jsonl or .parquet")),
    }
}
