//! From text and files to the tokens of a batch.

mod pair;
mod tokenizer;

pub use pair::{Pair, Prompt};
pub use tokenizer::Tokenizer;
