//! From the name of a model to its files.

use std::path::{Path, PathBuf};

use crate::error::Error;

/// The checkpoint folder that `model` names: a folder, or `ORG/NAME[@REVISION]` of the Hugging Face Hub where its files
/// lie in the local cache already (`HF_HUB_CACHE`, else `HF_HOME`, else `~/.cache/huggingface`). Nothing is downloaded.
pub fn resolve(model: &str) -> Result<PathBuf, Error> {
    let folder = Path::new(model);
    if folder.join("config.json").is_file() {
        return Ok(folder.to_owned());
    }
    if folder.is_dir() {
        let problem = "has no config.json: a Hugging Face checkpoint folder is needed";
        return Err(Error::content(folder, problem));
    }
    let (id, revision) = model.split_once('@').unwrap_or((model, "main"));
    let parts: Vec<&str> = id.split('/').collect();
    let plain = |part: &&str| !part.is_empty() && !part.starts_with('.');
    if parts.len() > 2 || !parts.iter().all(plain) || revision.contains("..") {
        let problem = "is no folder: a Hugging Face checkpoint folder (config.json, model.safetensors, tokenizer.json) \
                       is needed";
        return Err(Error::content(folder, problem));
    }
    let cache = cache();
    let repository = cache.join(format!("models--{}", parts.join("--")));
    let commit = std::fs::read_to_string(repository.join("refs").join(revision));
    let commit = commit.map_or_else(|_| revision.to_owned(), |commit| commit.trim().to_owned());
    let snapshot = repository.join("snapshots").join(commit);
    if snapshot.join("config.json").is_file() {
        return Ok(snapshot);
    }
    let problem = format!(
        "is no folder, and {id} at {revision} is not in the Hub's cache, {}: `hf download {id}` puts it there",
        cache.display()
    );
    Err(Error::content(folder, problem))
}

/// Where the Hub's clients keep what they have downloaded.
fn cache() -> PathBuf {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    variable("HF_HUB_CACHE").unwrap_or_else(|| {
        let home = || variable("HOME").unwrap_or_default().join(".cache").join("huggingface");
        variable("HF_HOME").unwrap_or_else(home).join("hub")
    })
}
