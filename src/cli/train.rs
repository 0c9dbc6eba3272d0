//! `train`: runs a recipe.

use std::path::PathBuf;

use super::console::Console;
use crate::error::Error;
use crate::experiment;
use crate::recipe::{self, Override, Recipe};
use crate::report::Observer;

/// A recipe, and what differs from it in a run.
#[derive(clap::Args)]
pub struct RunArgs {
    /// A recipe's file, or the name of a shipped one.
    recipe: String,
    /// Set a dotted key of the recipe to another value: training.steps=200
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<Override>,
    /// The device: auto, cpu, wgpu:N or cuda:N (without N, the first); `intervene devices` lists them. The default is the
    /// recipe's.
    #[arg(long)]
    device: Option<String>,
    /// The folder to create; runs/<recipe>-<time> by default. A sweep resumes in the folder of an earlier one.
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// The seed; the recipe's by default.
    #[arg(long)]
    seed: Option<u32>,
    /// Show no progress and no results, only the folder's path.
    #[arg(long)]
    quiet: bool,
}

impl RunArgs {
    pub fn recipe(&self) -> Result<Recipe, Error> {
        let mut set = self.set.clone();
        set.extend(self.device.clone().map(|device| Override::new("device", device)));
        set.extend(self.seed.map(|seed| Override::new("seed", seed)));
        recipe::open(&self.recipe, &set)
    }

    pub fn observer(&self) -> Box<dyn Observer> {
        Console::observer(self.quiet)
    }
}

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
