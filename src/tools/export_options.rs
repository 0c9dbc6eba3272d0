//! The options and the result of `intervene export`.

use std::path::PathBuf;
use std::str::FromStr;

use crate::error::Error;
use crate::tap::Site;

/// The format of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A folder for pyvene's IntervenableModel.load.
    Pyvene,
    /// A submission to the causal variable track of MIB.
    Mib,
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "pyvene" => Ok(Self::Pyvene),
            "mib" => Ok(Self::Mib),
            _ => {
                let hint = "; there are: pyvene, mib".to_owned();
                Err(Error::Unknown { what: "format", name: text.to_owned(), hint })
            }
        }
    }
}

/// The options of [`export`](fn@super::export): the flags of `intervene export`, which its `--help` explains.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the fields are the flags of the program")]
pub struct ExportOptions {
    pub from: PathBuf,
    pub format: Format,
    pub out: PathBuf,
    pub model: Option<String>,
    pub task: Option<String>,
    pub variable: Option<String>,
    pub token: Option<String>,
}

/// The result of [`export`](super::export()).
#[derive(Clone, Debug)]
pub enum Exported {
    /// A folder for pyvene.
    Pyvene {
        /// The site, pyvene's name of the kind, and the number of the source of each intervention.
        interventions: Vec<(Site, &'static str, Option<usize>)>,
        /// Whether there are positions, heads or subspaces, which are arguments of a run in pyvene and not in the folder.
        run_arguments: bool,
    },
    /// A submission to MIB.
    Mib {
        /// Its folder.
        folder: PathBuf,
        /// The number of subspaces in it.
        subspaces: usize,
    },
}
