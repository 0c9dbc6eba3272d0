//! The options of `intervene export`.

use std::path::PathBuf;

use clap::ValueEnum;

/// Whose files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A folder for pyvene's IntervenableModel.load.
    Pyvene,
    /// A submission to the causal variable track of MIB.
    Mib,
}

/// The options of [`export`](super::export()).
#[derive(Clone, Debug, clap::Args)]
pub struct ExportOptions {
    /// A run folder, an imported folder, a specification, or a name on the Hub.
    pub from: PathBuf,
    /// Whose files.
    #[arg(long, value_enum)]
    pub format: Format,
    /// The folder to make.
    #[arg(long, value_name = "FOLDER")]
    pub out: PathBuf,
    /// The model, where the widths of rows do not follow from the tensors, or an intervention's folder does not name it.
    #[arg(long)]
    pub model: Option<String>,
    /// For MIB: the task, 4_answer_MCQA say.
    #[arg(long)]
    pub task: Option<String>,
    /// For MIB: the task's variable, answer_pointer say.
    #[arg(long)]
    pub variable: Option<String>,
    /// For MIB: its name of the token position, last_token say.
    #[arg(long)]
    pub token: Option<String>,
}
