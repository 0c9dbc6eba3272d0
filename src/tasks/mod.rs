//! Tasks: causal models, the data that they label, and their form as network inputs. Nothing here uses tensors.

pub mod causal_model;
pub mod counterfactual;
pub mod country_attributes;
pub mod country_capital;
pub mod gender_agreement;
mod graph;
pub mod hierarchical_equality;
pub mod ioi;
pub mod mcqa;
pub mod price_tagging;
mod prompt_task;
mod task;
mod words;

pub use causal_model::{CausalModel, Setting, Variable};
pub use counterfactual::Counterfactual;
pub use graph::GraphNode;
pub use prompt_task::{Answer, Balance, Inputs, LanguageTask, PromptTask, Render, Split, TextPair, TextPrompt};
pub use task::{Examples, FeatureTask, Pairs, Task};

use crate::error::{Error, nearest};

/// The names of the language tasks.
pub const PROMPT_TASKS: [&str; 6] =
    ["gender_agreement", "ioi", "country_capital", "country_attributes", "price_tagging", "mcqa"];

/// Returns the language task with this name; the seed divides its words into train, validation and test. An unknown
/// name is an error.
pub fn prompt_task(name: &str, seed: u64) -> Result<Box<dyn PromptTask>, Error> {
    Ok(match name {
        "gender_agreement" => Box::new(gender_agreement::gender_agreement(seed)),
        "ioi" => Box::new(ioi::ioi(seed)),
        "country_capital" => Box::new(country_capital::country_capital(seed)),
        "country_attributes" => Box::new(country_attributes::country_attributes(seed)),
        "price_tagging" => Box::new(price_tagging::price_tagging(seed)),
        "mcqa" => Box::new(mcqa::mcqa(seed)),
        _ => {
            return Err(Error::Unknown { what: "task", name: name.to_owned(), hint: nearest(name, PROMPT_TASKS) });
        }
    })
}
