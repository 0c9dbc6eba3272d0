//! The files of a run folder that are published, and the replacement of this machine's paths in them.

use std::fs;
use std::path::Path;

use crate::error::Error;
use crate::hub::Content;
use crate::recipe::Recipe;
use crate::saved::RunConfig;

/// The published files of a run, by name and by the end of their names.
const NAMES: [&str; 8] = [
    "config.json",
    "intervention.safetensors",
    "model.safetensors",
    "metrics.json",
    "metrics.jsonl",
    "examples.json",
    "recipe.toml",
    "report.html",
];
const ENDS: [&str; 2] = [".png", ".csv"];
/// The published folders of a run, in addition to those of several interventions, whose names are numbers.
const FOLDERS: [&str; 2] = ["tensorboard", "contrast"];

/// The published files of a run folder, as sorted paths relative to it. Hidden and incomplete files are left out.
pub(super) fn published_files(folder: &Path) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    collect(folder, "", &mut names)?;
    names.sort();
    Ok(names)
}

fn collect(folder: &Path, under: &str, names: &mut Vec<String>) -> Result<(), Error> {
    for entry in fs::read_dir(folder).map_err(Error::file(folder, "cannot read"))? {
        let path = entry.map_err(Error::file(folder, "cannot read"))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let events = under == "tensorboard/" && name.contains("tfevents");
        let known = NAMES.contains(&name) || ENDS.iter().any(|end| name.ends_with(end)) || events;
        let part = FOLDERS.contains(&name) || name.chars().all(|c| c.is_ascii_digit());
        if path.is_dir() && part && under.is_empty() {
            collect(&path, &format!("{name}/"), names)?;
        } else if path.is_file() && known && !name.starts_with('.') && !name.contains(".partial") {
            names.push(format!("{under}{name}"));
        }
    }
    Ok(())
}

/// Paths of this machine, and the text that replaces each of them.
pub(super) struct PrivatePaths(Vec<(String, String)>);

impl PrivatePaths {
    pub(super) fn from_run(config: &RunConfig, recipe: &Recipe, base_model: Option<&str>) -> Self {
        let mut known: Vec<(String, String)> = Vec::new();
        let mut add = |path: &str, public: Option<&str>| {
            let last =
                || Path::new(path).file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
            let private = Path::new(path).is_absolute() || path.starts_with("~/");
            if private && !known.iter().any(|(known, _)| known == path) {
                known.push((path.to_owned(), public.map_or_else(last, str::to_owned)));
            }
        };
        add(&config.model.source, base_model);
        if let Some(source) = &recipe.model.source {
            add(source, base_model);
        }
        let data = recipe.data.iter().flat_map(|data| [&data.train, &data.validation, &data.test]).flatten();
        for path in recipe.model.weights.iter().chain(data) {
            add(&path.display().to_string(), None);
        }
        let home = std::env::var("HOME").unwrap_or_default();
        if home.len() > 1 {
            known.push((home, "~".to_owned()));
        }
        Self(known)
    }

    /// The content to publish of a file: the file itself if it contains no path; an error if a path cannot be replaced.
    pub(super) fn redacted(&self, name: &str, bytes: Vec<u8>, file: &Path) -> Result<Content, Error> {
        if !self.0.iter().any(|(path, _)| holds(&bytes, path)) {
            return Ok(Content::File(file.to_owned()));
        }
        let clean = if name.contains("tfevents") {
            self.redacted_events(&bytes)
        } else {
            let text = String::from_utf8(bytes).map_err(|_| Error::content(file, UNREPLACED))?;
            self.0.iter().fold(text, |text, (path, public)| text.replace(path, public)).into_bytes()
        };
        self.check(name, &clean)?;
        Ok(Content::Bytes(clean))
    }

    /// TensorBoard's records without those that contain a path. A record is the event's length (8 bytes), the length's
    /// checksum (4), the event, and the event's checksum (4).
    fn redacted_events(&self, bytes: &[u8]) -> Vec<u8> {
        let (mut rest, mut redacted) = (bytes, Vec::with_capacity(bytes.len()));
        while let Some(length) = rest.first_chunk::<8>() {
            let size = usize::try_from(u64::from_le_bytes(*length)).ok().and_then(|length| length.checked_add(16));
            let Some((record, after)) = size.and_then(|size| rest.split_at_checked(size)) else { break };
            if !self.0.iter().any(|(path, _)| holds(record, path)) {
                redacted.extend(record);
            }
            rest = after;
        }
        redacted
    }

    pub(super) fn check(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        match self.0.iter().any(|(path, _)| holds(bytes, path)) {
            true => Err(Error::content(Path::new(name), UNREPLACED)),
            false => Ok(()),
        }
    }

    /// The replaced paths, except for the home folder, each with the text that replaces it.
    pub(super) fn replacements(self) -> Vec<(String, String)> {
        self.0.into_iter().filter(|(_, public)| public != "~").collect()
    }
}

const UNREPLACED: &str = "contains a path of this machine that cannot be replaced, so nothing is published";

fn holds(bytes: &[u8], path: &str) -> bool {
    bytes.windows(path.len()).any(|window| window == path.as_bytes())
}
