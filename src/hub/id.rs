//! The names of repositories on the Hub.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use crate::error::Error;

/// The prefix of a file of a data set: `hub:ORG/NAME[@REVISION]/PATH`.
const DATA: &str = "hub:";

/// A repository, `ORG/NAME[@REVISION]` (a few of the oldest repositories have no `ORG/`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Id {
    /// `ORG/NAME`
    pub name: String,
    /// A branch, a tag or a commit; `None` is the main branch.
    pub revision: Option<String>,
}

/// The repository and the commit of a folder of the Hub's cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedCommit {
    /// `ORG/NAME`
    pub name: String,
    /// The commit.
    pub commit: String,
}

impl FromStr for Id {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (name, revision) = match text.split_once('@') {
            Some((name, revision)) => (name, Some(revision)),
            None => (text, None),
        };
        let parts: Vec<&str> = name.split('/').collect();
        let safe = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let plain = |part: &&str| {
            !part.is_empty() && part.chars().all(safe) && !part.starts_with(['.', '-']) && !part.contains("..")
        };
        let refs = |revision: &str| {
            !revision.is_empty()
                && !revision.contains("..")
                && !revision.starts_with('/')
                && revision.chars().all(|c| safe(c) || c == '/')
        };
        if parts.len() <= 2 && parts.iter().all(plain) && revision.is_none_or(refs) {
            return Ok(Self { name: name.to_owned(), revision: revision.map(str::to_owned) });
        }
        Err(Error::Invalid(format!("`{text}` is not a repository name: expected ORG/NAME or ORG/NAME@REVISION")))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.revision {
            Some(revision) => write!(f, "{}@{revision}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

impl Id {
    /// Returns the revision; `main` if there is none.
    #[must_use]
    pub fn revision(&self) -> &str {
        self.revision.as_deref().unwrap_or("main")
    }

    /// Returns the organisation (empty if there is none) and the name within it.
    pub(super) fn parts(&self) -> (&str, &str) {
        self.name.split_once('/').unwrap_or(("", &self.name))
    }
}

/// Returns true if the path is `hub:...`, a file of a data set of the Hub.
#[must_use]
pub fn is_data(path: &Path) -> bool {
    path.to_str().is_some_and(|path| path.starts_with(DATA))
}

/// Returns the data set of `hub:ORG/NAME[@REVISION]/PATH`; an error for any other path.
pub fn data_repository(path: &Path) -> Result<Id, Error> {
    data(path).map(|(id, _)| id)
}

/// Returns the repository and the file of `hub:ORG/NAME[@REVISION]/PATH`; an error for any other path.
pub(super) fn data(path: &Path) -> Result<(Id, String), Error> {
    let wrong = || {
        let path = path.display();
        Error::Invalid(format!(
            "`{path}` is not a data set's file: expected hub:ORG/NAME/PATH or hub:ORG/NAME@REVISION/PATH"
        ))
    };
    let text = path.to_str().and_then(|path| path.strip_prefix(DATA)).ok_or_else(wrong)?;
    let mut parts = text.splitn(3, '/');
    let (Some(owner), Some(name), Some(file)) = (parts.next(), parts.next(), parts.next()) else { return Err(wrong()) };
    let plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    if !file.split('/').all(plain) || file.contains('\\') {
        return Err(wrong());
    }
    Ok((format!("{owner}/{name}").parse().map_err(|_| wrong())?, file.to_owned()))
}
