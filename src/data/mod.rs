//! Prompts and pairs, as text and as tokens.
//!
//! Tasks and files supply [`Row`]s of text with named parts; an [`Encoder`] turns them into [`Pair`]s of tokens.

mod encoded_row;
mod encoder;
mod inputs;
pub mod jsonl;
mod pair;
#[cfg(feature = "parquet")]
pub mod parquet;
mod position;
mod positions;
mod row;
mod show;
mod token_stream;
mod tokenised;
mod tokenizer;

pub use encoded_row::EncodedRow;
pub use encoder::{DrawnRows, Encoder};
pub use inputs::{InputLine, InputPrompt, InputReader};
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

/// Reads the rows of a `.jsonl` or `.parquet` file. Another extension and a file without rows are errors.
pub fn read(path: &Path) -> Result<Vec<Row>, Error> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("jsonl") => jsonl::read(path),
        #[cfg(feature = "parquet")]
        Some("parquet") => parquet::read(path),
        #[cfg(not(feature = "parquet"))]
        Some("parquet") => Err(Error::content(path, "Parquet files need a build with the feature `parquet`")),
        _ => Err(Error::content(path, "the name of a file of pairs must end in .jsonl or .parquet")),
    }
}
