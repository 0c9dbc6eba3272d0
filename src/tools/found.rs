//! A run folder's intervention as a specification.

use std::path::Path;

use serde::Deserialize;

use super::spec::Spec;
use crate::error::Error;
use crate::files;

/// What is needed of a run folder's `config.json`.
#[derive(Deserialize)]
struct Found {
    component: String,
    layer: usize,
    #[serde(default)]
    heads: Vec<usize>,
    position: Option<String>,
    kind: String,
}

impl Spec {
    /// Reads a specification's file, or a run folder: what was trained there, fed by the first source.
    pub fn open(path: &Path) -> Result<Self, Error> {
        if !path.is_dir() {
            return Self::load(path);
        }
        let config = path.join("config.json");
        if !config.is_file() {
            return Err(Error::content(path, "is no run folder: it has no config.json"));
        }
        let Found { component, layer, heads, position, kind } = files::read_json(&config)?;
        let mut text = format!(
            "[[interventions]]\nsite = \"{layer}.{component}\"\nkind = \"{kind}\"\nsource = 0\nweights = \"intervention.safetensors\"\n"
        );
        if !heads.is_empty() {
            text += &format!("heads = {heads:?}\n");
        }
        // A slot of the run's task is no place in just any text: that is said with --at.
        if let Some(position) = position.filter(|position| position == "last" || position.parse::<i64>().is_ok()) {
            text += &format!("positions = \"{position}\"\n");
        }
        Self::parse(text, &config)
    }
}
