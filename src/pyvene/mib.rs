//! The layout of submissions to the causal variable track of MIB (Mueller et al. 2025, "MIB: A Mechanistic Interpretability
//! Benchmark", arXiv 2504.13151).
//!
//! `TASK_MODEL_VARIABLE/` holds three files for each place: `ResidualStream(Layer-L,Token-T)_featurizer` and
//! `.._inverse_featurizer`, PyTorch's archives of a featurizer's class and tensors, and `.._indices`, the features that carry
//! the variable as a list in JSON, or null for all of them. The residual stream of layer L is what enters it, `block_input`.
//! The track's featurizers and evaluation are built on pyvene.

use std::path::Path;

use burn::tensor::TensorData;

use super::archive::{Value, archive};
use crate::error::{Error, nearest};
use crate::files;

/// The tasks of the residual stream, and their variables. (IOI is about heads, and its submissions need the parameters of
/// a linear model besides.)
const TASKS: [(&str, &[&str]); 4] = [
    ("4_answer_MCQA", &["answer_pointer", "answer"]),
    ("ARC_easy", &["answer_pointer", "answer"]),
    ("arithmetic", &["ones_carry"]),
    ("ravel_task", &["Country", "Continent", "Language"]),
];

/// The models, by the names of their classes in transformers.
const MODELS: [&str; 4] = ["GPT2LMHeadModel", "Qwen2ForCausalLM", "Gemma2ForCausalLM", "LlamaForCausalLM"];

/// A subspace of the residual stream that carries a variable.
pub struct Place {
    /// The layer that the stream enters.
    pub layer: usize,
    /// The track's name of the token position, `last_token` say.
    pub token: String,
    /// R, `[width, rank]`.
    pub rotation: TensorData,
    /// PyTorch's `original` of R under its default map, `[width, rank]`.
    pub original: TensorData,
    /// PyTorch's `base` of it, `[width, width]`.
    pub base: TensorData,
    /// The columns of R that are exchanged; all of them where it is `None`.
    pub columns: Option<Vec<usize>>,
}

/// The folder's name; a task, a variable or a model that the track does not have is refused. `architecture` is the name of
/// the model's class in transformers.
pub fn folder_name(task: &str, architecture: &str, variable: &str) -> Result<String, Error> {
    let find = |what: &'static str, name: &str, known: &[&str]| match known.contains(&name) {
        true => Ok(()),
        false => Err(Error::Unknown { what, name: name.to_owned(), hint: nearest(name, known.iter().copied()) }),
    };
    find("task of MIB's residual stream", task, &TASKS.map(|(name, _)| name))?;
    find("model of MIB", architecture, &MODELS)?;
    let variables = TASKS.iter().find(|(name, _)| *name == task).map_or(&[][..], |(_, variables)| variables);
    find("variable of that task", variable, variables)?;
    Ok(format!("{task}_{architecture}_{variable}"))
}

/// Writes a place's three files into a folder that is there.
pub fn write(folder: &Path, place: &Place) -> Result<(), Error> {
    let rank = place.rotation.shape()[1];
    let unit = format!("ResidualStream(Layer-{},Token-{})", place.layer, place.token);
    for end in ["featurizer", "inverse_featurizer"] {
        let text = |text: &str| Value::Text(text.to_owned());
        let tensors = [("original", &place.original), ("0.base", &place.base)];
        let named =
            |(name, data): (&str, &TensorData)| (format!("rotate.parametrizations.weight.{name}"), Some(data.clone()));
        let config =
            vec![("rotation_matrix", Value::Tensor(place.rotation.clone())), ("requires_grad", Value::Bool(true))];
        let info = vec![
            ("featurizer_class", text("SubspaceFeaturizerModule")),
            ("inverse_featurizer_class", text("SubspaceInverseFeaturizerModule")),
            ("n_features", Value::Whole(rank)),
            ("additional_config", Value::Dict(config)),
            ("featurizer_id", text("subspace")),
        ];
        let whole = vec![("model_info", Value::Dict(info)), ("state_dict", Value::State(tensors.map(named).to_vec()))];
        files::write(&folder.join(format!("{unit}_{end}")), &archive(&Value::Dict(whole))?)?;
    }
    let indices = place.columns.as_ref().map_or_else(|| "null".to_owned(), |columns| format!("{columns:?}"));
    files::write(&folder.join(format!("{unit}_indices")), indices.as_bytes())
}
