//! One error type: what was wrong, where, and what would be right.

use std::path::{Path, PathBuf};

/// What can go wrong, in words for the person who can mend it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or written.
    #[error("{}: {what}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What was being done.
        what: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file holds something else than it should.
    #[error("{}: {problem}", path.display())]
    Content {
        /// Which file.
        path: PathBuf,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// A recipe, a specification or a file of inputs is wrong in one place.
    #[error("{place}: {problem}")]
    Recipe {
        /// File and line.
        place: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// A row of data is wrong.
    #[error("{place}: {problem}")]
    Data {
        /// File and line, or the task.
        place: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// The Hugging Face Hub did not do what was asked of it.
    #[error("{repository}: {problem}")]
    Hub {
        /// Which repository.
        repository: String,
        /// What is wrong, and what can be done.
        problem: String,
    },
    /// A name that is not one of a closed set.
    #[error("unknown {what} `{name}`{hint}")]
    Unknown {
        /// What the name should have named.
        what: &'static str,
        /// The name as given.
        name: String,
        /// What would be right.
        hint: String,
    },
    /// A device that is not there, does not work, or is full.
    #[error("{name}: {problem}")]
    Device {
        /// Its name.
        name: String,
        /// What is wrong, and what can be done.
        problem: String,
    },
    /// Rows that are not there.
    #[error("rows: {0}")]
    Rows(String),
    /// A tap that waited for a site which the run did not visit.
    #[error(
        "the {what} at {site} was not applied: the run did not visit this site; its layer must be in the range that is run, and the model must have its component"
    )]
    NeverVisited {
        /// Where it waited.
        site: String,
        /// A patch or a record.
        what: &'static str,
    },
    /// A value that cannot be used.
    #[error("{0}")]
    Invalid(String),
    /// Training went wrong.
    #[error("{0}")]
    Diverged(String),
}

impl Error {
    /// Wraps a system error with the file and what was being done.
    pub fn file(path: &Path, what: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, what, source }
    }

    /// The message, without what it is about.
    pub(crate) fn reason(self) -> String {
        match self {
            Self::Device { problem, .. } => problem,
            other => other.to_string(),
        }
    }

    /// A file that holds something else than it should.
    pub fn content(path: &Path, problem: impl Into<String>) -> Self {
        Self::Content { path: path.to_owned(), problem: problem.into() }
    }
}

/// "; did you mean `x`?" when one of the names is close, else the list of them all.
pub fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    let close = names.iter().map(|known| (strsim::damerau_levenshtein(name, known), known)).min();
    match close {
        Some((distance, known)) if distance <= 2.max(name.len() / 3) => format!("; did you mean `{known}`?"),
        _ => format!("; there are: {}", names.join(", ")),
    }
}
