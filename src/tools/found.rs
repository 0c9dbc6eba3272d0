//! A run folder's intervention, or a file of directions, as a specification.

use std::path::Path;

use serde::Deserialize;

use super::spec::Spec;
use crate::error::Error;
use crate::files;
use crate::tap::Site;
use crate::tensors::Tensors;

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
    /// Reads a specification's file, or a run folder: what was trained there, fed by the first source; or the directions
    /// that `collect` wrote: each is added at its site, to the prompt's tokens and to those that are generated.
    pub fn open(path: &Path) -> Result<Self, Error> {
        if path.extension().is_some_and(|extension| extension == "safetensors") {
            return Self::of_directions(path);
        }
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

    fn of_directions(path: &Path) -> Result<Self, Error> {
        let tensors = Tensors::read(path)?;
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let mut text = "during = \"both\"\n".to_owned();
        let mut found = false;
        for site in tensors.names().filter(|name| name.parse::<Site>().is_ok()) {
            found = true;
            // A TOML string is quoted as JSON is.
            let file = serde_json::Value::from(&*file);
            text += &format!(
                "[[interventions]]\nsite = \"{site}\"\nkind = \"addition\"\nconstant = {{ file = {file}, tensor = \"{site}\" }}\n"
            );
        }
        if !found {
            let problem = "holds no direction: none of its tensors is called after a site, such as 12.block_output";
            return Err(Error::content(path, problem));
        }
        let mut spec = Self::parse(text, path)?;
        spec.everywhere = true;
        Ok(spec)
    }
}
