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

/// Makes a task of prompts from a seed, which divides its words into train, validation and test.
type MakePromptTask = fn(u64) -> Box<dyn PromptTask>;

/// Makes a task with features as inputs.
type MakeFeatureTask = fn() -> Box<dyn FeatureTask>;

/// The tasks of prompts, by name.
const PROMPT_TASKS: [(&str, MakePromptTask); 6] = [
    ("gender_agreement", |seed| Box::new(gender_agreement::gender_agreement(seed))),
    ("ioi", |seed| Box::new(ioi::ioi(seed))),
    ("country_capital", |seed| Box::new(country_capital::country_capital(seed))),
    ("country_attributes", |seed| Box::new(country_attributes::country_attributes(seed))),
    ("price_tagging", |seed| Box::new(price_tagging::price_tagging(seed))),
    ("mcqa", |seed| Box::new(mcqa::mcqa(seed))),
];

/// The tasks with features as inputs, by name.
const FEATURE_TASKS: [(&str, MakeFeatureTask); 1] =
    [("hierarchical_equality", || Box::new(hierarchical_equality::hierarchical_equality()))];

/// The names of the tasks of prompts.
pub fn prompt_tasks() -> impl Iterator<Item = &'static str> {
    PROMPT_TASKS.iter().map(|(name, _)| *name)
}

/// Returns the task of prompts with this name. An unknown name is an error.
pub fn prompt_task(name: &str, seed: u64) -> Result<Box<dyn PromptTask>, Error> {
    Ok(find(&PROMPT_TASKS, name)?(seed))
}

/// Returns the task with features as inputs with this name. An unknown name is an error.
pub fn feature_task(name: &str) -> Result<Box<dyn FeatureTask>, Error> {
    Ok(find(&FEATURE_TASKS, name)?())
}

fn find<F: Copy>(tasks: &[(&'static str, F)], name: &str) -> Result<F, Error> {
    let known = tasks.iter().find(|(known, _)| *known == name);
    known.map(|(_, task)| *task).ok_or_else(|| Error::Unknown {
        what: "task",
        name: name.to_owned(),
        hint: nearest(name, tasks.iter().map(|(known, _)| *known)),
    })
}
