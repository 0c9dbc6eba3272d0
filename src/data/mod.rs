//! From text and files to the tokens of a batch.

mod tokenizer;

pub use tokenizer::Tokenizer;
