//! The options of `intervene export`.

use std::path::PathBuf;

use clap::ValueEnum;

/// The format of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A folder for pyvene's IntervenableModel.load.
    Pyvene,
    /// A submission to the causal variable track of MIB.
    Mib,
}

/// The options of [`export`](fn@super::export).
#[derive(Clone, Debug, clap::Args)]
pub struct ExportOptions {
    /// A run folder, an imported folder, a specification, or a repository on the Hub.
    pub from: PathBuf,
    /// The format of the files.
    #[arg(long, value_enum)]
    pub format: Format,
    /// The folder to create.
    #[arg(long, value_name = "FOLDER")]
    pub out: PathBuf,
    /// The model; needed if the tensors do not determine the widths of rows, or if the folder does not name the model.
    #[arg(long)]
    pub model: Option<String>,
    /// For MIB: the task, for example 4_answer_MCQA.
    #[arg(long)]
    pub task: Option<String>,
    /// For MIB: the task's variable, for example answer_pointer.
    #[arg(long)]
    pub variable: Option<String>,
    /// For MIB: the track's name of the token position, for example last_token.
    #[arg(long)]
    pub token: Option<String>,
}
