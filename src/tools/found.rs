//! Interventions of a folder (a run's, or an imported one) or of a file of directions, as a specification.

use std::fmt::Write;
use std::path::Path;

use super::spec::Spec;
use crate::data::Position;
use crate::error::Error;
use crate::hub;
use crate::interventions::{Kind, Needs};
use crate::saved::RunConfig;
use crate::tap::Site;
use crate::tensors::Tensors;

/// The specification of a folder with several interventions.
pub(super) const SEVERAL: &str = "interventions.toml";
/// The tensors of one intervention, beside its `config.json`.
pub(super) const TENSORS: &str = "intervention.safetensors";

impl Spec {
    /// Reads a specification's file; or a folder, which may be of the Hub (`ORG/NAME[@REVISION]`): the `interventions.toml`
    /// of an imported one, or what a run trained, fed by the first source; or the directions that `collect` wrote: each is
    /// added at its site, to the prompt's tokens and to those that are generated.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let path = &hub::folder(path)?;
        if path.extension().is_some_and(|extension| extension == "safetensors") {
            return Self::of_directions(path);
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
            let problem = format!("is no intervention's folder: it has neither {SEVERAL} nor config.json");
            return Err(Error::content(path, problem));
        }
        let found = RunConfig::read_all(path)?;
        let text = found.iter().map(|(part, found)| {
            let within = part.strip_prefix(path).unwrap_or(part).join(TENSORS);
            specification(found, &within.display().to_string())
        });
        let mut spec = Self::parse(text.collect(), &config)?;
        let made_for = found.into_iter().enumerate();
        spec.made_for = made_for.map(|(number, (part, found))| (number, part.join("config.json"), found)).collect();
        Ok(spec)
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

/// What a run trained, as a specification.
fn specification(found: &RunConfig, weights: &str) -> String {
    let RunConfig { component, layer, heads, position, kind, partition, .. } = found;
    let mut text =
        format!("[[interventions]]\nsite = \"{layer}.{component}\"\nkind = \"{kind}\"\nweights = \"{weights}\"\n");
    if kind.parse::<Kind>().is_ok_and(|kind| kind.needs() == Needs::Source) {
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
    if let Some(position) = position.as_ref().and_then(|position| anywhere(position)) {
        let _ = writeln!(text, "positions = {position}");
    }
    text.push('\n');
    text
}

/// A position as a specification writes it, where it is one in any text. A slot of a run's task is none: that is said with
/// `--at`.
fn anywhere(position: &str) -> Option<String> {
    match position.parse().ok()? {
        Position::Index(index) => Some(index.to_string()),
        Position::Ends { first, last } => {
            let places: Vec<i64> = (0..first as i64).chain((1..=last as i64).rev().map(|back| -back)).collect();
            Some(format!("{places:?}"))
        }
        Position::Slot(..) if position == "last" => Some("-1".to_owned()),
        Position::Slot(..) => None,
    }
}
