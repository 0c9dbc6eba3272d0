//! The options of `intervene export`.

use std::path::PathBuf;
use std::str::FromStr;

use crate::error::Error;

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

/// The options of [`export`].
#[derive(Clone, Debug)]
pub struct ExportOptions {
    /// A run folder, an imported folder, a specification, or a repository on the Hub.
    pub from: PathBuf,
    /// The format of the files.
    pub format: Format,
    /// The folder to create.
    pub out: PathBuf,
    /// The model; needed if the tensors do not determine the widths of rows, or if the folder does not name the model.
    pub model: Option<String>,
    /// For MIB: the task, for example 4_answer_MCQA.
    pub task: Option<String>,
    /// For MIB: the task's variable, for example answer_pointer.
    pub variable: Option<String>,
    /// For MIB: the track's name of the token position, for example last_token.
    pub token: Option<String>,
}
