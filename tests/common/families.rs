//! The families' fixtures: one folder each.

use std::path::{Path, PathBuf};

use intervene::models::{Dtype, Pretrained};

use super::device::device;
use super::fixtures::fixtures;

/// One folder per family, sorted; at least one.
pub fn families() -> Vec<PathBuf> {
    families_in(&fixtures())
}

/// The folders of `folder` that hold a checkpoint and what transformers computes with it.
pub fn families_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut families: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("config.json").is_file() && path.join("io.safetensors").is_file())
        .collect();
    families.sort();
    assert!(!families.is_empty(), "{} holds no family", folder.display());
    families
}

/// The last part of a family's folder.
pub fn name(folder: &Path) -> &str {
    folder.file_name().unwrap().to_str().unwrap()
}

/// The family's model in f32.
pub fn load(folder: &Path) -> Pretrained {
    Pretrained::load(folder, Dtype::F32, &device()).unwrap()
}
