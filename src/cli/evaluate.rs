//! `evaluate`: measures the IIA of a run folder again.

use std::path::PathBuf;

use super::console::to_json;
use super::transfers::Transfers;
use crate::error::Error;
use crate::experiment::{self, EvaluateOptions};
use crate::recipe::{self, Override};

#[derive(clap::Args)]
pub struct EvaluateArgs {
    /// The run folder, or its name on the Hub: ORG/NAME[@REVISION]
    dir: PathBuf,
    /// The recipe whose pairs are used, for an intervention that no run left, such as an imported one.
    #[arg(long)]
    recipe: Option<String>,
    /// Another place of the same language model: a checkpoint folder, or its name on the Hub.
    #[arg(long)]
    model: Option<String>,
    /// The device, if not the run's.
    #[arg(long)]
    device: Option<String>,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    json: bool,
}

impl EvaluateArgs {
    pub fn run(self) -> Result<(), Error> {
        let Self { dir, recipe, model, device, json } = self;
        let set = model.as_ref().map(|model| Override::new("model.source", model.clone()));
        let set: Vec<Override> = set.into_iter().collect();
        let recipe = recipe.map(|recipe| recipe::open(&recipe, &set)).transpose()?;
        let evaluated =
            experiment::evaluate(&dir, &EvaluateOptions { recipe, model, device }, &mut Transfers::default())?;
        println!("{}", if json { to_json(&evaluated) } else { evaluated.table() });
        Ok(())
    }
}
