//! The table of the supported families of language models.

use std::sync::Arc;

use super::gemma2::Gemma2;
use super::gpt_neox::GptNeox;
use super::gpt2::Gpt2;
use super::llama::Llama;
use super::model::LanguageModel;
use super::qwen3::Qwen3;
use super::transformer::Transformer;
use super::weights::Loader;
use crate::error::{Error, closest};

/// A language model of any family.
pub(super) type AnyModel = Arc<dyn LanguageModel + Send + Sync>;

/// One `model_type` of `config.json`.
pub(super) struct Family {
    pub model_type: &'static str,
    /// The name of its class in transformers.
    architecture: &'static str,
    pub load: fn(&Loader) -> Result<AnyModel, Error>,
}

static FAMILIES: [Family; 8] = [
    Family::new::<Gpt2>("gpt2", "GPT2LMHeadModel"),
    Family::new::<GptNeox>("gpt_neox", "GPTNeoXForCausalLM"),
    Family::new::<Llama>("llama", "LlamaForCausalLM"),
    Family::new::<Llama>("mistral", "MistralForCausalLM"),
    Family::new::<Llama>("qwen2", "Qwen2ForCausalLM"),
    Family::new::<Qwen3>("qwen3", "Qwen3ForCausalLM"),
    Family::new::<Llama>("gemma", "GemmaForCausalLM"),
    Family::new::<Gemma2>("gemma2", "Gemma2ForCausalLM"),
];

impl Family {
    const fn new<T: Transformer + Send + Sync + 'static>(model_type: &'static str, architecture: &'static str) -> Self {
        Self { model_type, architecture, load: load::<T> }
    }

    /// The row of a `model_type`; `Err` is a description of what is wrong, with the known ones.
    pub fn find(model_type: Option<&str>, architectures: &[String]) -> Result<&'static Self, String> {
        let known = FAMILIES.each_ref().map(|family| family.model_type);
        let Some(name) = model_type else {
            return Err(format!("has no model_type; supported are: {}", known.join(", ")));
        };
        FAMILIES.iter().find(|family| family.model_type == name).ok_or_else(|| {
            let (architectures, list) = (architectures.join(", "), known.join(", "));
            let hint = closest(name, known).map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
            format!("the model_type `{name}` ({architectures}) is not supported; supported are: {list}{hint}")
        })
    }
}

fn load<T: Transformer + Send + Sync + 'static>(loader: &Loader) -> Result<AnyModel, Error> {
    Ok(Arc::new(T::load(loader)?))
}

/// The name of a `model_type`'s class in transformers, `LlamaForCausalLM` for `llama`; `None` if it is not supported.
#[must_use]
pub fn architecture(model_type: &str) -> Option<&'static str> {
    FAMILIES.iter().find(|family| family.model_type == model_type).map(|family| family.architecture)
}
