//! From names to files: what is needed of a repository, and no more.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use hf_hub::HFRepositorySync;
use hf_hub::repository::{RepoTreeEntry, RepoType};
use serde::Deserialize;

use super::cache::{self, RepositoryType};
use super::client::{Client, offline};
use super::explain::Asked;
use super::fetch::{Fetched, fetch};
use super::id::{self, Id, Origin};
use crate::error::Error;
use crate::files;

/// The weights in one file, or the list of the files that hold them.
const WEIGHTS: [&str; 2] = ["model.safetensors", "model.safetensors.index.json"];
/// What is read where it is there.
const OPTIONAL: [&str; 2] = ["tokenizer.json", "generation_config.json"];

/// The checkpoint folder that `model` names: a folder, or `ORG/NAME[@REVISION]` of the Hub, of which the configuration, the
/// weights (safetensors) and the tokenizer are fetched where they are not in the cache.
///
/// A branch that has moved on is fetched anew. Where the Hub is out of reach, what was fetched last is taken, and said so.
pub fn resolve(model: &str) -> Result<PathBuf, Error> {
    let folder = Path::new(model);
    if folder.join("config.json").is_file() {
        return Ok(folder.to_owned());
    }
    if folder.is_dir() {
        let problem = "has no config.json: a Hugging Face checkpoint folder is needed";
        return Err(Error::content(folder, problem));
    }
    let id: Id = model.parse().map_err(|_| {
        let problem = "is no folder and no name on the Hub: a Hugging Face checkpoint folder (config.json, \
                       model.safetensors, tokenizer.json) or ORG/NAME is needed";
        Error::content(folder, problem)
    })?;
    snapshot(RepositoryType::Model, &id, "config.json", |wanted| {
        let index = match wanted.get(WEIGHTS[0])? {
            Some(_) => None,
            None => wanted.get(WEIGHTS[1])?,
        };
        match index {
            Some(index) => shards(&index)?.iter().try_for_each(|shard| wanted.require(shard))?,
            None => wanted.require(WEIGHTS[0])?,
        }
        OPTIONAL.iter().try_for_each(|file| wanted.get(file).map(|_| ()))
    })
}

/// A file of pairs or inputs: a path, or `hub:ORG/NAME[@REVISION]/PATH` in a data set of the Hub.
pub fn data_file(path: &Path) -> Result<PathBuf, Error> {
    if !id::is_data(path) {
        return Ok(path.to_owned());
    }
    let (id, file) = id::data(path)?;
    Ok(snapshot(RepositoryType::Dataset, &id, &file, |_| Ok(()))?.join(file))
}

/// The folder of an intervention: a folder or a file as it is, or `ORG/NAME[@REVISION]` of the Hub, all of whose files are
/// fetched.
pub fn folder(path: &Path) -> Result<PathBuf, Error> {
    if path.exists() {
        return Ok(path.to_owned());
    }
    let id = path.to_str().and_then(|text| text.parse::<Id>().ok());
    let id =
        id.ok_or_else(|| Error::content(path, "there is no such file or folder, and this is no name on the Hub"))?;
    snapshot(RepositoryType::Model, &id, "config.json", |wanted| {
        wanted.all()?.iter().try_for_each(|file| wanted.require(file))
    })
}

/// Copies the files of an intervention of the Hub into a folder, which must be new or empty.
pub fn pull(id: &Id, to: &Path) -> Result<(), Error> {
    let from = folder(Path::new(&id.to_string()))?;
    files::create_new_dir(to)?;
    copy(&from, to)
}

fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    for entry in fs::read_dir(from).map_err(Error::file(from, "cannot read"))? {
        let path = entry.map_err(Error::file(from, "cannot read"))?.path();
        let place = to.join(path.file_name().expect("what is in a folder has a name"));
        if path.is_dir() {
            fs::create_dir_all(&place).map_err(Error::file(&place, "cannot create the folder"))?;
            copy(&path, &place)?;
        } else {
            // Not the link into the cache, but what it points at.
            files::write(&place, &files::read(&path)?)?;
        }
    }
    Ok(())
}

/// Which repository and commit of the Hub a checkpoint folder is; `None` for a folder of one's own.
#[must_use]
pub fn origin(folder: &Path) -> Option<Origin> {
    cache::origin(folder)
}

/// A revision of a repository in the cache, with `first` in it and whatever else `want` asks for.
fn snapshot(
    kind: RepositoryType,
    id: &Id,
    first: &str,
    want: impl Fn(&mut Wanted<'_>) -> Result<(), Error>,
) -> Result<PathBuf, Error> {
    let client = Client::new()?;
    let asked = Asked { client: &client, kind, id };
    match kind {
        RepositoryType::Model => of(&asked, &client.model(id), first, want),
        RepositoryType::Dataset => of(&asked, &client.dataset(id), first, want),
    }
}

fn of<T: RepoType>(
    asked: &Asked<'_>,
    repository: &HFRepositorySync<T>,
    first: &str,
    want: impl Fn(&mut Wanted<'_>) -> Result<(), Error>,
) -> Result<PathBuf, Error> {
    let cached = || cache::snapshot(asked.kind, asked.id).filter(|folder| folder.join(first).is_file());
    if offline() {
        return cached().ok_or_else(|| {
            asked.wrong(format!(
                "not in the Hub's cache, {}, and HF_HUB_OFFLINE is set: without it, it is fetched",
                hf_hub::resolve_cache_dir().display()
            ))
        });
    }
    // A commit never changes, so what is here of it needs no question.
    let commit = |folder: &Path| folder.file_name().is_some_and(|name| name == asked.id.revision());
    let folder = match cached() {
        Some(folder) if commit(&folder) => folder,
        cached => match fetch(asked, repository, first, asked.id.revision())? {
            Fetched::Here(path) => {
                let depth = first.split('/').count();
                path.ancestors().nth(depth).expect("a file of a snapshot lies in it").to_owned()
            }
            Fetched::Absent => return Err(asked.wrong(format!("the {} has no file {first}", asked.kind.name()))),
            Fetched::Unreachable(error) => match cached {
                Some(folder) => {
                    eprintln!("{error}\nGoing on with what was fetched before.");
                    return Ok(folder);
                }
                None => return Err(error),
            },
        },
    };
    let get = |file: &str, revision: &str| fetch(asked, repository, file, revision);
    let list = |revision: &str| {
        let listed = repository.list_tree().revision(revision).recursive(true).send();
        let entries = listed.map_err(|error| asked.error("listing the files", &error))?;
        let file = |entry| match entry {
            RepoTreeEntry::File { path, .. } => Some(path),
            RepoTreeEntry::Directory { .. } => None,
        };
        Ok(entries.into_iter().filter_map(file).collect())
    };
    want(&mut Wanted { asked, folder: &folder, get: &get, list: &list })?;
    Ok(folder)
}

/// A commit, of which files can be asked for.
struct Wanted<'a> {
    asked: &'a Asked<'a>,
    folder: &'a Path,
    get: &'a dyn Fn(&str, &str) -> Result<Fetched, Error>,
    list: &'a dyn Fn(&str) -> Result<Vec<String>, Error>,
}

impl Wanted<'_> {
    fn commit(&self) -> &str {
        self.folder.file_name().and_then(|name| name.to_str()).unwrap_or_default()
    }

    /// A file, or `None` where the commit has none of that name.
    fn get(&self, file: &str) -> Result<Option<PathBuf>, Error> {
        let here = self.folder.join(file);
        if here.is_file() {
            return Ok(Some(here));
        }
        if cache::is_absent(self.asked.kind, self.asked.id, self.commit(), file) {
            return Ok(None);
        }
        match (self.get)(file, self.commit())? {
            Fetched::Here(path) => Ok(Some(path)),
            Fetched::Absent => Ok(None),
            Fetched::Unreachable(error) => Err(error),
        }
    }

    /// A file that has to be there.
    fn require(&self, file: &str) -> Result<(), Error> {
        match self.get(file)? {
            Some(_) => Ok(()),
            None => {
                Err(self.asked.wrong(format!("the {} has no file {file}, which is needed", self.asked.kind.name())))
            }
        }
    }

    /// All files of the commit.
    fn all(&self) -> Result<Vec<String>, Error> {
        let files = (self.list)(self.commit())?;
        let inside = |file: &String| file.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
        match files.iter().find(|file| !inside(file)) {
            Some(file) => Err(self.asked.wrong(format!("the repository names a file outside of itself: `{file}`"))),
            None => Ok(files),
        }
    }
}

#[derive(Deserialize)]
struct Index {
    weight_map: HashMap<String, String>,
}

/// The files that an index names.
fn shards(index: &Path) -> Result<BTreeSet<String>, Error> {
    let Index { weight_map } = files::read_json(index)?;
    Ok(weight_map.into_values().collect())
}
