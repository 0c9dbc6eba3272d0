//! `pull`: fetches an intervention of the Hub.

use std::path::PathBuf;

use super::console::Console;
use crate::error::Error;
use crate::experiment;

#[derive(clap::Args)]
pub struct PullArgs {
    /// ORG/NAME[@REVISION]
    id: String,
    /// The folder; NAME by default.
    dir: Option<PathBuf>,
}

impl PullArgs {
    pub fn run(self) -> Result<(), Error> {
        println!("{}", experiment::pull(&self.id, self.dir.as_deref(), &mut Console::default())?.display());
        Ok(())
    }
}
