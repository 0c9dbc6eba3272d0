//! `report`: writes a page about runs and sweeps.

use std::path::PathBuf;

use crate::error::Error;
use crate::experiment;

#[derive(clap::Args)]
pub struct ReportArgs {
    /// Run folders and sweep folders; several are compared.
    #[arg(required = true)]
    dirs: Vec<PathBuf>,
    /// The file; by default report.html in the folder, or in the current directory if there are several folders.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl ReportArgs {
    pub fn run(self) -> Result<(), Error> {
        println!("{}", experiment::report(&self.dirs, self.out.as_deref())?.display());
        Ok(())
    }
}
