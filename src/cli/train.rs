//! `train`: runs a recipe.

use super::run_args::RunArgs;
use crate::error::Error;
use crate::experiment;

#[derive(clap::Args)]
pub struct TrainArgs {
    #[command(flatten)]
    run: RunArgs,
}

impl TrainArgs {
    pub fn run(self) -> Result<(), Error> {
        let run = self.run;
        let folder = experiment::train(&run.recipe()?, run.out.as_deref(), run.observer().as_mut())?;
        println!("{}", folder.display());
        Ok(())
    }
}
