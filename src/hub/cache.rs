//! The layout of the Hub's cache on disk, shared with its other clients: `models--ORG--NAME/snapshots/COMMIT/FILE`, and
//! `refs/REVISION` with the latest known commit of a branch or tag.

use std::fs;
use std::path::{Path, PathBuf};

use super::id::{CachedCommit, Id};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RepositoryType {
    Model,
    Dataset,
}

impl RepositoryType {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Dataset => "data set",
        }
    }

    const fn prefix(self) -> &'static str {
        match self {
            Self::Model => "models",
            Self::Dataset => "datasets",
        }
    }
}

pub(super) fn repository(kind: RepositoryType, id: &Id) -> PathBuf {
    hf_hub::resolve_cache_dir().join(format!("{}--{}", kind.prefix(), id.name.replace('/', "--")))
}

/// Returns the folder of the revision's files; `None` if none of them has been fetched.
pub(super) fn snapshot(kind: RepositoryType, id: &Id) -> Option<PathBuf> {
    let repository = repository(kind, id);
    let commit = fs::read_to_string(repository.join("refs").join(id.revision()));
    let commit = commit.map_or_else(|_| id.revision().to_owned(), |commit| commit.trim().to_owned());
    let snapshot = repository.join("snapshots").join(commit);
    snapshot.is_dir().then_some(snapshot)
}

/// Returns true if the cache records that the commit has no such file.
pub(super) fn is_absent(kind: RepositoryType, id: &Id, commit: &str, file: &str) -> bool {
    repository(kind, id).join(".no_exist").join(commit).join(file).is_file()
}

/// Returns the repository and the commit of a folder of the cache; `None` for any other folder.
pub(super) fn origin(folder: &Path) -> Option<CachedCommit> {
    let folder = fs::canonicalize(folder).ok()?;
    let commit = folder.file_name()?.to_str()?;
    let snapshots = folder.parent()?;
    let name = snapshots.parent()?.file_name()?.to_str()?.strip_prefix("models--")?;
    (snapshots.file_name()? == "snapshots")
        .then(|| CachedCommit { name: name.replace("--", "/"), commit: commit.to_owned() })
}
