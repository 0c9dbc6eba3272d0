//! The crate's error type. Messages say what is wrong, where, and what would be right.

use std::path::{Path, PathBuf};

/// An error of any operation of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or written.
    #[error("{}: {what}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The operation that failed, for example "cannot read".
        what: &'static str,
        /// The system's error.
        source: std::io::Error,
    },
    /// A file has the wrong content.
    #[error("{}: {problem}", path.display())]
    Content {
        /// The file.
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
        /// File and line, or the name of the task.
        place: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// A request to the Hugging Face Hub failed.
    #[error("{repository}: {problem}")]
    Hub {
        /// The repository.
        repository: String,
        /// What is wrong, and how to fix it.
        problem: String,
    },
    /// A name is not in the set of valid names.
    #[error("unknown {what} `{name}`{hint}")]
    Unknown {
        /// The kind of name, for example "component".
        what: &'static str,
        /// The invalid name.
        name: String,
        /// The nearest valid name or all valid names, from [`nearest`].
        hint: String,
    },
    /// A device does not exist, does not work, or has too little memory.
    #[error("{name}: {problem}")]
    Device {
        /// The device's name.
        name: String,
        /// What is wrong, and how to fix it.
        problem: String,
    },
    /// Rows lie outside an activation or a prompt.
    #[error("rows: {0}")]
    Rows(String),
    /// The run did not visit a tap's site.
    #[error(
        "the {what} at {site} was not applied: the run did not visit this site; its layer must be in the \
         range that is run, and the model must have its component"
    )]
    NeverVisited {
        /// The tap's site.
        site: String,
        /// The kind of tap: "patch" or "record".
        what: &'static str,
    },
    /// A value is invalid.
    #[error("{0}")]
    Invalid(String),
    /// Training diverged.
    #[error("{0}")]
    Diverged(String),
}

impl Error {
    /// Returns a function that wraps a system error with the file and the operation that failed.
    pub fn file(path: &Path, what: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, what, source }
    }

    /// Returns the message without the device's name.
    pub(crate) fn reason(self) -> String {
        match self {
            Self::Device { problem, .. } => problem,
            other => other.to_string(),
        }
    }

    /// Returns an error about a file's content.
    pub fn content(path: &Path, problem: impl Into<String>) -> Self {
        Self::Content { path: path.to_owned(), problem: problem.into() }
    }
}

/// The known name that is closest to a mistyped one; `None` if none is close.
pub fn closest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let close = names.into_iter().map(|known| (strsim::damerau_levenshtein(name, known), known)).min();
    close.filter(|(distance, _)| *distance <= 2.max(name.len() / 3)).map(|(_, known)| known)
}

/// Returns "; did you mean `x`?" if one of the names is similar, else a list of all names.
pub fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    match closest(name, names.iter().copied()) {
        Some(known) => format!("; did you mean `{known}`?"),
        None => format!("; there are: {}", names.join(", ")),
    }
}

/// Implements `Display` and `FromStr` for an enum with a constant `ALL` and a method `name`. Other names that a third
/// argument, a function of the enum, returns are read too.
macro_rules! named {
    ($Type:ty, $what:literal $(, $other:expr)?) => {
        impl std::fmt::Display for $Type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl std::str::FromStr for $Type {
            type Err = $crate::error::Error;

            fn from_str(name: &str) -> Result<Self, Self::Err> {
                let known = Self::ALL.into_iter().find(|one| one.name() == name $(|| $other(*one) == name)?);
                known.ok_or_else(|| $crate::error::Error::Unknown {
                    what: $what,
                    name: name.to_owned(),
                    hint: $crate::error::nearest(name, Self::ALL.map(Self::name)),
                })
            }
        }
    };
}

pub(crate) use named;
