//! Resolving names to files: only the required files of a repository are fetched.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use hf_hub::HFRepositorySync;
use hf_hub::repository::{RepoTreeEntry, RepoType};
use serde::Deserialize;

use super::cache::{self, RepositoryType};
use super::client::{Client, offline};
use super::explain::Request;
use super::fetch::{Fetched, fetch};
use super::id::{self, CachedCommit, Id};
use crate::error::Error;
use crate::files;
use crate::monitor::Monitor;

/// The file of the weights, or the index of several files that contain them.
const WEIGHTS: [&str; 2] = ["model.safetensors", "model.safetensors.index.json"];
/// Files that are fetched if the repository has them.
const OPTIONAL: [&str; 2] = ["tokenizer.json", "generation_config.json"];

/// Returns the checkpoint folder of `model`: a folder, or `ORG/NAME[@REVISION]` on the Hub, whose configuration,
/// weights (safetensors) and tokenizer are fetched unless they are in the cache.
///
/// If a branch has new commits, they are fetched. If the Hub cannot be reached, the commit in the cache is used, with a
/// warning.
pub fn resolve(model: &str, monitor: &mut dyn Monitor) -> Result<PathBuf, Error> {
    let folder = Path::new(model);
    if folder.join("config.json").is_file() {
        return Ok(folder.to_owned());
    }
    if folder.is_dir() {
        let problem = "has no config.json: a Hugging Face checkpoint folder is needed";
        return Err(Error::content(folder, problem));
    }
    let id: Id = model.parse().map_err(|_| {
        let problem = "this is neither a folder nor a name on the Hub: a Hugging Face checkpoint folder (config.json, \
                       model.safetensors, tokenizer.json) or ORG/NAME is needed";
        Error::content(folder, problem)
    })?;
    snapshot(RepositoryType::Model, &id, "config.json", monitor, |commit| {
        let index = match commit.get(WEIGHTS[0])? {
            Some(_) => None,
            None => commit.get(WEIGHTS[1])?,
        };
        match index {
            Some(index) => shards(&index)?.iter().try_for_each(|shard| commit.require(shard))?,
            None => commit.require(WEIGHTS[0])?,
        }
        OPTIONAL.iter().try_for_each(|file| commit.get(file).map(|_| ()))
    })
}

/// Returns the path of a file of pairs or inputs: a path is returned unchanged, `hub:ORG/NAME[@REVISION]/PATH` is
/// fetched from a data set of the Hub.
pub fn data_file(path: &Path, monitor: &mut dyn Monitor) -> Result<PathBuf, Error> {
    if !id::is_data(path) {
        return Ok(path.to_owned());
    }
    let (id, file) = id::data(path)?;
    Ok(snapshot(RepositoryType::Dataset, &id, &file, monitor, |_| Ok(()))?.join(file))
}

/// Returns the folder of an intervention: an existing path is returned unchanged; for `ORG/NAME[@REVISION]`, all files
/// of the repository are fetched from the Hub.
pub fn folder(path: &Path, monitor: &mut dyn Monitor) -> Result<PathBuf, Error> {
    if path.exists() {
        return Ok(path.to_owned());
    }
    let id = path.to_str().and_then(|text| text.parse::<Id>().ok());
    let id =
        id.ok_or_else(|| Error::content(path, "there is no such file or folder, and this is not a name on the Hub"))?;
    snapshot(RepositoryType::Model, &id, "config.json", monitor, |commit| {
        commit.all()?.iter().try_for_each(|file| commit.require(file))
    })
}

/// Copies the files of an intervention on the Hub into a folder, which must be new or empty.
pub fn pull(id: &Id, to: &Path, monitor: &mut dyn Monitor) -> Result<(), Error> {
    let from = folder(Path::new(&id.to_string()), monitor)?;
    files::create_new_dir(to)?;
    copy(&from, to)
}

fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    for entry in fs::read_dir(from).map_err(Error::file(from, "cannot read"))? {
        let path = entry.map_err(Error::file(from, "cannot read"))?.path();
        let target = to.join(path.file_name().expect("an entry of a folder has a name"));
        if path.is_dir() {
            fs::create_dir_all(&target).map_err(Error::file(&target, "cannot create the folder"))?;
            copy(&path, &target)?;
        } else {
            // Reading follows the link into the cache, so the content is copied.
            files::write(&target, &files::read(&path)?)?;
        }
    }
    Ok(())
}

/// Returns the repository and commit of a checkpoint folder in the Hub's cache; `None` for any other folder.
#[must_use]
pub fn origin(folder: &Path) -> Option<CachedCommit> {
    cache::origin(folder)
}

/// Returns the cache folder of a repository's revision, with the file `first` and the files that `fetch_rest` fetches.
fn snapshot(
    kind: RepositoryType,
    id: &Id,
    first: &str,
    monitor: &mut dyn Monitor,
    fetch_rest: impl Fn(&mut Commit<'_>) -> Result<(), Error>,
) -> Result<PathBuf, Error> {
    let client = Client::new()?;
    let request = Request { client: &client, kind, id };
    match kind {
        RepositoryType::Model => fetch_snapshot(&request, &client.model(id), first, monitor, fetch_rest),
        RepositoryType::Dataset => fetch_snapshot(&request, &client.dataset(id), first, monitor, fetch_rest),
    }
}

fn fetch_snapshot<T: RepoType>(
    request: &Request<'_>,
    repository: &HFRepositorySync<T>,
    first: &str,
    monitor: &mut dyn Monitor,
    fetch_rest: impl Fn(&mut Commit<'_>) -> Result<(), Error>,
) -> Result<PathBuf, Error> {
    let cached = || cache::snapshot(request.kind, request.id).filter(|folder| folder.join(first).is_file());
    if offline() {
        return cached().ok_or_else(|| {
            request.wrong(format!(
                "not in the Hub's cache, {}, and HF_HUB_OFFLINE is set: unset it to fetch the files",
                hf_hub::resolve_cache_dir().display()
            ))
        });
    }
    // A commit never changes: if the revision is a commit in the cache, the Hub is not contacted.
    let is_commit = |folder: &Path| folder.file_name().is_some_and(|name| name == request.id.revision());
    let folder = match cached() {
        Some(folder) if is_commit(&folder) => folder,
        cached => match fetch(request, repository, first, request.id.revision(), monitor)? {
            Fetched::Cached(path) => {
                let depth = first.split('/').count();
                path.ancestors().nth(depth).expect("the file is in the snapshot's folder").to_owned()
            }
            Fetched::Absent => return Err(request.wrong(format!("the {} has no file {first}", request.kind.name()))),
            Fetched::Unreachable(error) => match cached {
                Some(folder) => {
                    monitor.warn(&format!("{error}\nUsing the files in the cache."));
                    return Ok(folder);
                }
                None => return Err(error),
            },
        },
    };
    let mut get = |file: &str, revision: &str| fetch(request, repository, file, revision, monitor);
    let list = |revision: &str| {
        let listed = repository.list_tree().revision(revision).recursive(true).send();
        let entries = listed.map_err(|error| request.error("listing the files", &error))?;
        let file = |entry| match entry {
            RepoTreeEntry::File { path, .. } => Some(path),
            RepoTreeEntry::Directory { .. } => None,
        };
        Ok(entries.into_iter().filter_map(file).collect())
    };
    fetch_rest(&mut Commit { request, folder: &folder, get: &mut get, list: &list })?;
    Ok(folder)
}

struct Commit<'a> {
    request: &'a Request<'a>,
    folder: &'a Path,
    get: &'a mut dyn FnMut(&str, &str) -> Result<Fetched, Error>,
    list: &'a dyn Fn(&str) -> Result<Vec<String>, Error>,
}

impl Commit<'_> {
    fn hash(&self) -> &str {
        self.folder.file_name().and_then(|name| name.to_str()).unwrap_or_default()
    }

    /// Returns a file's path in the cache, fetching it if necessary; `None` if the commit has no such file.
    fn get(&mut self, file: &str) -> Result<Option<PathBuf>, Error> {
        let cached = self.folder.join(file);
        if cached.is_file() {
            return Ok(Some(cached));
        }
        if cache::is_absent(self.request.kind, self.request.id, self.hash(), file) {
            return Ok(None);
        }
        let hash = self.hash().to_owned();
        match (self.get)(file, &hash)? {
            Fetched::Cached(path) => Ok(Some(path)),
            Fetched::Absent => Ok(None),
            Fetched::Unreachable(error) => Err(error),
        }
    }

    /// Fetches a file; an error if the commit has no such file.
    fn require(&mut self, file: &str) -> Result<(), Error> {
        match self.get(file)? {
            Some(_) => Ok(()),
            None => {
                Err(self.request.wrong(format!("the {} has no file {file}, which is needed", self.request.kind.name())))
            }
        }
    }

    /// Returns the paths of all files of the commit.
    fn all(&self) -> Result<Vec<String>, Error> {
        let files = (self.list)(self.hash())?;
        let inside = |file: &String| file.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
        match files.iter().find(|file| !inside(file)) {
            Some(file) => Err(self.request.wrong(format!("the repository lists the invalid path `{file}`"))),
            None => Ok(files),
        }
    }
}

#[derive(Deserialize)]
struct ShardList {
    weight_map: HashMap<String, String>,
}

fn shards(index: &Path) -> Result<BTreeSet<String>, Error> {
    let ShardList { weight_map } = files::read_json(index)?;
    Ok(weight_map.into_values().collect())
}
