//! `import`: reads a folder of pyvene.

use std::path::PathBuf;

use super::console::Console;
use crate::error::Error;
use crate::tools::{self, ImportOptions};

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
        println!("{}", tools::import(&ImportOptions { from, out, model }, &mut Console::default())?);
        Ok(())
    }
}
