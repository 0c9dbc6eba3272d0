//! `push`: publishes a run folder on the Hugging Face Hub.

use std::path::PathBuf;

use super::console::Console;
use crate::error::Error;
use crate::experiment::{self, PushOptions};

#[derive(clap::Args)]
pub struct PushArgs {
    /// A run folder.
    dir: PathBuf,
    /// The repository, ORG/NAME; it is created if it does not exist.
    id: String,
    /// A new repository is private.
    #[arg(long)]
    private: bool,
    /// Prints the card and the list of files without sending anything.
    #[arg(long)]
    dry_run: bool,
    /// The model's name on the Hub, if the run used a checkpoint folder.
    #[arg(long, value_name = "ORG/NAME")]
    base_model: Option<String>,
}

impl PushArgs {
    pub fn run(self) -> Result<(), Error> {
        let Self { dir, id, private, dry_run, base_model } = self;
        println!(
            "{}",
            experiment::push(&PushOptions { dir, id, private, dry_run, base_model }, &mut Console::default())?
        );
        Ok(())
    }
}
