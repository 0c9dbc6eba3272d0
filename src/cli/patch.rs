//! `patch`: activation patching.

use std::path::PathBuf;

use super::console::Console;
use super::ink::ink;
use super::model_args::ModelArgs;
use crate::error::Error;
use crate::tap::Component;
use crate::tools::{self, PatchOptions, Patched};

#[derive(clap::Args)]
pub struct PatchArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// The prompt whose activations are replaced.
    #[arg(long, value_name = "TEXT")]
    base: String,
    /// The prompt whose activations replace the base's; it must have the same number of tokens.
    #[arg(long, value_name = "TEXT")]
    source: String,
    /// The component that is patched.
    #[arg(long, default_value = "block_output")]
    component: Component,
    /// The answer to the source, one token with its leading space; by default its most probable next token.
    #[arg(long, value_name = "TEXT")]
    answer: Option<String>,
    /// The answer to the base, one token; by default its most probable next token.
    #[arg(long, value_name = "TEXT")]
    foil: Option<String>,
    /// The folder for patch.png and patch.csv; without it no files are written.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Show no progress.
    #[arg(long)]
    quiet: bool,
}

impl PatchArgs {
    pub fn run(self) -> Result<(), Error> {
        let Self { model, base, source, component, answer, foil, out, quiet } = self;
        let options = PatchOptions { model: model.into(), base, source, component, answer, foil, out };
        print!("{}", text(&tools::patch(&options, Console::observer(quiet).as_mut())?));
        Ok(())
    }
}

fn text(patched: &Patched) -> String {
    let ((answer, foil), (source, base)) = (&patched.answers, patched.differences);
    format!(
        "logit of `{answer}` minus logit of `{foil}`: {base:.3} in the base (shown as 0), {source:.3} in the source (shown as 1)\n\n{}",
        patched.heatmap.text(ink())
    )
}
