//! From text and files to the tokens of a batch.

mod inputs;
mod positions;
mod prompt;
mod token_stream;
mod tokenizer;

pub use inputs::{Input, Inputs, Text};
pub use positions::Positions;
pub use prompt::Prompt;
pub use token_stream::TokenStream;
pub use tokenizer::Tokenizer;
