//! Specifications of the interventions in a run folder, in an imported folder, or in a file of directions.

use std::fmt::Write;
use std::path::Path;

use super::spec::Spec;
use crate::data::Position;
use crate::error::Error;
use crate::hub;
use crate::interventions::Needs;
use crate::report::Observer;
use crate::saved::RunConfig;
use crate::tap::Site;
use crate::tensors::Tensors;

pub(super) const SEVERAL: &str = "interventions.toml";
pub(super) const TENSORS: &str = "intervention.safetensors";

impl Spec {
    /// Reads a specification from one of: a specification's file; a folder, which may be on the Hub (`ORG/NAME[@REVISION]`),
    /// either imported, with `interventions.toml`, or of a run, whose interventions then read the first source; a file of
    /// directions from `collect`, each of which is added at its site to the prompt's and to the generated tokens.
    pub fn open(path: &Path, observer: &mut dyn Observer) -> Result<Self, Error> {
        let path = &hub::folder(path, observer)?;
        if path.extension().is_some_and(|extension| extension == "safetensors") {
            return Self::from_directions(path);
        }
        if !path.is_dir() {
            return Self::load(path);
        }
        let several = path.join(SEVERAL);
        if several.is_file() {
            let mut spec = Self::load(&several)?;
            for number in 0..spec.interventions.len() {
                let Some(weights) = &spec.interventions[number].weights else { continue };
                let Some(folder) = spec.path(weights).parent().map(Path::to_owned) else { continue };
                if folder != *path && folder.join("config.json").is_file() {
                    spec.made_for.push((number, folder.join("config.json"), RunConfig::read(&folder)?));
                }
            }
            return Ok(spec);
        }
        let config = path.join("config.json");
        if !config.is_file() {
            let problem = format!("is not an intervention's folder: it has neither {SEVERAL} nor config.json");
            return Err(Error::content(path, problem));
        }
        let configs = RunConfig::read_all(path)?;
        let text = configs.iter().map(|(folder, config)| {
            let weights = folder.strip_prefix(path).unwrap_or(folder).join(TENSORS);
            specification(config, &weights.display().to_string())
        });
        let mut spec = Self::parse(text.collect(), &config)?;
        let made_for = configs.into_iter().enumerate();
        spec.made_for =
            made_for.map(|(number, (folder, config))| (number, folder.join("config.json"), config)).collect();
        Ok(spec)
    }

    fn from_directions(path: &Path) -> Result<Self, Error> {
        let tensors = Tensors::read(path)?;
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let head = "during = \"both\"\n";
        let mut text = head.to_owned();
        for site in tensors.names().filter(|name| name.parse::<Site>().is_ok()) {
            // TOML strings have the same quotes and escapes as JSON strings.
            let file = serde_json::Value::from(&*file);
            text += &format!(
                "[[interventions]]\nsite = \"{site}\"\nkind = \"addition\"\nconstant = {{ file = {file}, tensor = \"{site}\" }}\n"
            );
        }
        if text == head {
            let problem = "has no direction: a direction's tensor is named after its site, such as 12.block_output";
            return Err(Error::content(path, problem));
        }
        let mut spec = Self::parse(text, path)?;
        spec.everywhere = true;
        Ok(spec)
    }
}

fn specification(config: &RunConfig, weights: &str) -> String {
    let RunConfig { component, layer, heads, position, kind, partition, .. } = config;
    let mut text =
        format!("[[interventions]]\nsite = \"{layer}.{component}\"\nkind = \"{kind}\"\nweights = \"{weights}\"\n");
    if kind.needs() == Needs::Source {
        text += "source = 0\n";
    }
    // Writing to a string cannot fail, here and below.
    if !heads.is_empty() {
        let _ = writeln!(text, "heads = {heads:?}");
    }
    if partition.len() > 1 {
        let mut parts: Vec<[usize; 2]> = partition.values().copied().collect();
        parts.sort_unstable();
        let _ = writeln!(text, "partition = {parts:?}");
    }
    if let Some(position) = position.as_ref().and_then(|position| general_position(position)) {
        let _ = writeln!(text, "positions = {position}");
    }
    text.push('\n');
    text
}

/// A position in a specification's syntax; `None` for a slot of the run's task, which other texts do not have: there
/// `--at` has to give the position.
fn general_position(position: &str) -> Option<String> {
    match position.parse().ok()? {
        Position::Index(index) => Some(index.to_string()),
        Position::Ends { first, last } => {
            let positions: Vec<i64> = (0..first as i64).chain((1..=last as i64).rev().map(|back| -back)).collect();
            Some(format!("{positions:?}"))
        }
        Position::Slot(..) if position == "last" => Some("-1".to_owned()),
        Position::Slot(..) => None,
    }
}
