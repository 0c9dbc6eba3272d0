//! `import`: reads a folder of pyvene.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::console::Console;
use crate::error::Error;
use crate::tools::{self, Imported};

#[derive(clap::Args)]
pub struct ImportArgs {
    /// A folder that pyvene's IntervenableModel.save wrote, or `ORG/NAME[@REVISION]` on the Hub.
    from: PathBuf,
    /// The folder to create.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The model of the interventions: checks that they fit, and stores its identity, so that other models are rejected.
    #[arg(long)]
    model: Option<String>,
}

impl ImportArgs {
    pub fn run(self) -> Result<(), Error> {
        let Self { from, out, model } = self;
        let imported = tools::import(&from, &out, model.as_deref(), &mut Console::default())?;
        println!("{}", text(&imported, &out));
        Ok(())
    }
}

fn text(imported: &[Imported], out: &Path) -> String {
    let mut text = String::new();
    for (number, Imported { site, kind, rotation, constant, source, .. }) in imported.iter().enumerate() {
        let reads = match source {
            _ if *constant => ", a constant source".to_owned(),
            Some(source) => format!(", source {source}"),
            None => String::new(),
        };
        let shape = rotation.map_or(String::new(), |[width, rank]| format!(", rank {rank} of {width}"));
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(text, "{number}  {site}  {kind}{shape}{reads}");
    }
    if imported.iter().any(|intervention| intervention.linked) {
        text += "Linked interventions share only their weights. In pyvene each of them also acts on the output of the one \
                 before it.\n";
    }
    let out = out.display();
    let _ = write!(text, "{out}: intervene apply {out} --model M --inputs FILE.jsonl --out FILE.safetensors");
    text
}
