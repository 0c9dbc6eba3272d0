//! `export`: writes interventions into the files of another library.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use super::console::Console;
use crate::error::Error;
use crate::tools::{self, ExportOptions, Exported, Format};

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
        let exported = tools::export(&options, &mut Console::default())?;
        println!("{}", text(&exported, &options.out));
        Ok(())
    }
}

fn formats() -> impl TypedValueParser<Value = Format> {
    let names = [
        PossibleValue::new("pyvene").help("A folder for pyvene's IntervenableModel.load"),
        PossibleValue::new("mib").help("A submission to the causal variable track of MIB"),
    ];
    PossibleValuesParser::new(names).try_map(|name| name.parse())
}

fn text(exported: &Exported, out: &Path) -> String {
    let (interventions, run_arguments) = match exported {
        Exported::Mib { folder, subspaces } => {
            return format!("{}: {subspaces} subspaces. Check it with MIB's verify_submission.py", folder.display());
        }
        Exported::Pyvene { interventions, run_arguments } => (interventions, *run_arguments),
    };
    let mut text = String::new();
    let mut sources: Vec<String> = Vec::new();
    for (number, (site, kind, source)) in interventions.iter().enumerate() {
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(text, "{number}  {site}  {kind}");
        let name = source.map_or_else(|| "None".to_owned(), |source| format!("source_{source}"));
        // Interventions of one source follow each other, and the source is written once.
        if source.is_none() || sources.last() != Some(&name) {
            sources.push(name);
        }
    }
    let _ = write!(
        text,
        "intervenable = pyvene.IntervenableModel.load({:?}, model)\n\
         intervenable(base, [{}], unit_locations={{..}})",
        out.display().to_string(),
        sources.join(", ")
    );
    if run_arguments {
        text +=
            "\nThe folder has no positions, heads and subspaces: pass them to pyvene as unit_locations and subspaces.";
    }
    text
}
