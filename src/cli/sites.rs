//! `sites`: the sites of a model.

use super::console::Console;
use crate::error::Error;
use crate::tools::{self, SitesOptions};

#[derive(clap::Args)]
pub struct SitesArgs {
    /// A checkpoint folder: config.json, and model.safetensors or its shards.
    model: String,
}

impl SitesArgs {
    pub fn run(self) -> Result<(), Error> {
        print!("{}", tools::sites(&SitesOptions { model: self.model }, &mut Console::default())?);
        Ok(())
    }
}
