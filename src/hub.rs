//! From the name of a model to its files.

use std::path::{Path, PathBuf};

use crate::error::Error;

/// The checkpoint folder that `model` names.
pub fn resolve(model: &str) -> Result<PathBuf, Error> {
    let folder = Path::new(model);
    if folder.join("config.json").is_file() {
        return Ok(folder.to_owned());
    }
    let problem = if folder.is_dir() {
        "has no config.json: a Hugging Face checkpoint folder is needed"
    } else {
        "is no folder: a Hugging Face checkpoint folder (config.json, model.safetensors, tokenizer.json) is needed"
    };
    Err(Error::content(folder, problem))
}
