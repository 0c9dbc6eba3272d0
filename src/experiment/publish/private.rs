//! What of a run folder is published, without the paths of the machine that it was run on.

use std::fs;
use std::path::Path;

use crate::error::Error;
use crate::hub::Content;
use crate::recipe::Recipe;
use crate::saved::RunConfig;

/// Files of a run that are published by their names, and by the ends of their names.
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
/// Folders of a run that are published, beside those of several interventions, which are numbers.
const FOLDERS: [&str; 2] = ["tensorboard", "contrast"];

/// The files of a run folder that are published, as paths within it, sorted. What is hidden or half written is not.
pub(super) fn inside(folder: &Path) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    collect(folder, "", &mut found)?;
    found.sort();
    Ok(found)
}

fn collect(folder: &Path, under: &str, found: &mut Vec<String>) -> Result<(), Error> {
    for entry in fs::read_dir(folder).map_err(Error::file(folder, "cannot read"))? {
        let path = entry.map_err(Error::file(folder, "cannot read"))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let events = under == "tensorboard/" && name.contains("tfevents");
        let known = NAMES.contains(&name) || ENDS.iter().any(|end| name.ends_with(end)) || events;
        let part = FOLDERS.contains(&name) || name.chars().all(|c| c.is_ascii_digit());
        if path.is_dir() && part && under.is_empty() {
            collect(&path, &format!("{name}/"), found)?;
        } else if path.is_file() && known && !name.starts_with('.') && !name.contains(".partial") {
            found.push(format!("{under}{name}"));
        }
    }
    Ok(())
}

/// Paths of this machine, and what is published in their place.
pub(super) struct Private(Vec<(String, String)>);

impl Private {
    /// The absolute paths that a run names, and the home folder.
    pub(super) fn of(config: &RunConfig, recipe: &Recipe, base_model: Option<&str>) -> Self {
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

    /// What is published of a file: the file itself where no path is in it.
    pub(super) fn without(&self, name: &str, bytes: Vec<u8>, file: &Path) -> Result<Content, Error> {
        if !self.0.iter().any(|(path, _)| holds(&bytes, path)) {
            return Ok(Content::File(file.to_owned()));
        }
        let clean = if name.contains("tfevents") {
            self.without_records(&bytes)
        } else {
            let text = String::from_utf8(bytes).map_err(|_| Error::content(file, STILL))?;
            self.0.iter().fold(text, |text, (path, public)| text.replace(path, public)).into_bytes()
        };
        self.check(name, &clean)?;
        Ok(Content::Bytes(clean))
    }

    /// TensorBoard's records that name no path: each is its length (8 bytes), a checksum of that (4), the event and a
    /// checksum of it (4).
    fn without_records(&self, bytes: &[u8]) -> Vec<u8> {
        let (mut rest, mut kept) = (bytes, Vec::with_capacity(bytes.len()));
        while let Some(length) = rest.first_chunk::<8>() {
            let whole = usize::try_from(u64::from_le_bytes(*length)).ok().and_then(|length| length.checked_add(16));
            let Some((record, after)) = whole.and_then(|whole| rest.split_at_checked(whole)) else { break };
            if !self.0.iter().any(|(path, _)| holds(record, path)) {
                kept.extend(record);
            }
            rest = after;
        }
        kept
    }

    /// Refuses to publish a file with a path in it.
    pub(super) fn check(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        match self.0.iter().any(|(path, _)| holds(bytes, path)) {
            true => Err(Error::content(Path::new(name), STILL)),
            false => Ok(()),
        }
    }

    /// What is replaced, in words.
    pub(super) fn told(&self) -> Vec<String> {
        let named = self.0.iter().filter(|(_, public)| public != "~");
        named.map(|(path, public)| format!("  {path} is published as {public}")).collect()
    }
}

/// Said of what cannot be cleaned.
const STILL: &str = "holds a path of this machine where it cannot be replaced, so it is not published";

fn holds(bytes: &[u8], path: &str) -> bool {
    bytes.windows(path.len()).any(|window| window == path.as_bytes())
}
