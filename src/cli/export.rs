//! `export`: writes interventions into the files of another library.

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use super::console::Console;
use crate::error::Error;
use crate::tools::{self, ExportOptions, Format};

#[derive(clap::Args)]
pub struct ExportArgs {
    /// A run folder, an imported folder, a specification, or a repository on the Hub.
    from: PathBuf,
    /// The format of the files.
    #[arg(long, value_parser = formats())]
    format: Format,
    /// The folder to create.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// The model; needed if the tensors do not determine the widths of rows, or if the folder does not name the model.
    #[arg(long)]
    model: Option<String>,
    /// For MIB: the task, for example 4_answer_MCQA.
    #[arg(long)]
    task: Option<String>,
    /// For MIB: the task's variable, for example answer_pointer.
    #[arg(long)]
    variable: Option<String>,
    /// For MIB: the track's name of the token position, for example last_token.
    #[arg(long)]
    token: Option<String>,
}

impl ExportArgs {
    pub fn run(self) -> Result<(), Error> {
        let Self { from, format, out, model, task, variable, token } = self;
        let options = ExportOptions { from, format, out, model, task, variable, token };
        println!("{}", tools::export(&options, &mut Console::default())?);
        Ok(())
    }
}

/// The names of the formats, with their help.
fn formats() -> impl TypedValueParser<Value = Format> {
    let names = [
        PossibleValue::new("pyvene").help("A folder for pyvene's IntervenableModel.load"),
        PossibleValue::new("mib").help("A submission to the causal variable track of MIB"),
    ];
    PossibleValuesParser::new(names).try_map(|name| name.parse())
}
