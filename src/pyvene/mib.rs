//! The layout of submissions to the causal variable track of MIB (Mueller et al. 2025, "MIB: A Mechanistic Interpretability
//! Benchmark", arXiv 2504.13151).
//!
//! `TASK_MODEL_VARIABLE/` holds three files for each layer and token: `ResidualStream(Layer-L,Token-T)_featurizer` and
//! `.._inverse_featurizer`, PyTorch's archives of a featurizer's class and tensors, and `.._indices`, a JSON list of the
//! features that carry the variable, or null for all features. The residual stream of layer L is its input, `block_input`.
//! The track's featurizers and evaluation are built on pyvene.

use std::path::Path;

use burn::tensor::TensorData;

use super::archive::{Pickled, archive};
use crate::error::{Error, nearest};
use crate::files;

/// The tasks of the residual stream, and their variables. (IOI is excluded: it is about heads, and its submissions also
/// need the parameters of a linear model.)
const TASKS: [(&str, &[&str]); 4] = [
    ("4_answer_MCQA", &["answer_pointer", "answer"]),
    ("ARC_easy", &["answer_pointer", "answer"]),
    ("arithmetic", &["ones_carry"]),
    ("ravel_task", &["Country", "Continent", "Language"]),
];

/// The models, by the names of their classes in transformers.
const MODELS: [&str; 4] = ["GPT2LMHeadModel", "Qwen2ForCausalLM", "Gemma2ForCausalLM", "LlamaForCausalLM"];

/// A subspace of the residual stream that carries a variable.
pub struct ResidualSubspace {
    /// The layer whose input is the residual stream.
    pub layer: usize,
    /// The track's name of the token position, for example `last_token`.
    pub token: String,
    /// R, `[width, rank]`.
    pub rotation: TensorData,
    /// PyTorch's `original` of R under its default map, `[width, rank]`.
    pub original: TensorData,
    /// PyTorch's `base` of R under that map, `[width, width]`.
    pub base: TensorData,
    /// The columns of R that are exchanged; `None`: all columns.
    pub columns: Option<Vec<usize>>,
}

/// The name of a submission's folder, where `architecture` is the model's class in transformers. Returns an error for a task,
/// a model or a variable that the track does not have.
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

/// Writes the three files of a subspace into a folder that exists.
pub fn write(folder: &Path, subspace: &ResidualSubspace) -> Result<(), Error> {
    let rank = subspace.rotation.shape()[1];
    let unit = format!("ResidualStream(Layer-{},Token-{})", subspace.layer, subspace.token);
    for end in ["featurizer", "inverse_featurizer"] {
        let text = |text: &str| Pickled::Text(text.to_owned());
        let tensors = [("original", &subspace.original), ("0.base", &subspace.base)];
        let named =
            |(name, data): (&str, &TensorData)| (format!("rotate.parametrizations.weight.{name}"), Some(data.clone()));
        let config = vec![
            ("rotation_matrix", Pickled::Tensor(subspace.rotation.clone())),
            ("requires_grad", Pickled::Bool(true)),
        ];
        let info = vec![
            ("featurizer_class", text("SubspaceFeaturizerModule")),
            ("inverse_featurizer_class", text("SubspaceInverseFeaturizerModule")),
            ("n_features", Pickled::Integer(rank)),
            ("additional_config", Pickled::Dict(config)),
            ("featurizer_id", text("subspace")),
        ];
        let whole =
            vec![("model_info", Pickled::Dict(info)), ("state_dict", Pickled::State(tensors.map(named).to_vec()))];
        files::write(&folder.join(format!("{unit}_{end}")), &archive(&Pickled::Dict(whole))?)?;
    }
    let indices = subspace.columns.as_ref().map_or_else(|| "null".to_owned(), |columns| format!("{columns:?}"));
    files::write(&folder.join(format!("{unit}_indices")), indices.as_bytes())
}
