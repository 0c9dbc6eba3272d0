//! `apply`: runs a specification of interventions over a file of inputs.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::console::Console;
use super::model_args::ModelArgs;
use crate::data::Positions;
use crate::error::Error;
use crate::tools::{self, Applied, ApplyOptions};

#[derive(clap::Args)]
pub struct ApplyArgs {
    /// A specification (TOML with `[[interventions]]` tables), or an intervention's folder, or its repository on the Hub.
    spec: PathBuf,
    #[command(flatten)]
    model: ModelArgs,
    /// JSON lines: {"base": TEXT or token ids, "sources": [TEXT or token ids, …], "positions": …}; a file, or hub:ORG/NAME/PATH
    #[arg(long, value_name = "FILE")]
    inputs: PathBuf,
    /// The safetensors file to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The tokens of the base whose logits are saved: all, last, a number, text:PART; separate several with commas.
    #[arg(long, default_value = "last", allow_hyphen_values = true)]
    logits: Positions,
    /// The number of examples in the summary.
    #[arg(long, default_value_t = 10)]
    show: usize,
    /// The number of inputs in a batch.
    #[arg(long, default_value_t = 8)]
    batch: usize,
    /// Show no progress.
    #[arg(long)]
    quiet: bool,
}

impl ApplyArgs {
    pub fn run(self) -> Result<(), Error> {
        let Self { spec, model, inputs, out, logits, show, batch, quiet } = self;
        let options = ApplyOptions { spec, model: model.into(), inputs, out, logits, show, batch };
        let applied = tools::apply(&options, Console::observer(quiet).as_mut())?;
        println!("{}", text(&applied, &options.out));
        Ok(())
    }
}

fn text(applied: &Applied, out: &Path) -> String {
    let mut text = String::new();
    let tokens = |tokens: &[(String, f32)]| {
        tokens.iter().map(|(token, p)| format!("`{token}` {p:.3}")).collect::<Vec<_>>().join("   ")
    };
    for (number, example) in applied.shown.iter().enumerate() {
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(text, "{number} {}", example.name);
        let _ = writeln!(text, "    before  {}\n    after   {}", tokens(&example.before), tokens(&example.after));
    }
    let _ = write!(text, "{}: {} inputs, {} rows of logits", out.display(), applied.inputs, applied.logit_rows);
    for (site, rows) in &applied.collected {
        let _ = write!(text, ", {rows} rows of {site}");
    }
    text
}
