//! From text and files to the tokens of a batch.

mod inputs;
mod pair;
mod positions;
mod token_stream;
mod tokenised;
mod tokenizer;

pub use inputs::{Input, Inputs, Text};
pub use pair::{Pair, Prompt};
pub use positions::Positions;
pub use token_stream::TokenStream;
pub use tokenised::Tokenised;
pub use tokenizer::Tokenizer;
