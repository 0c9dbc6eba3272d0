//! `recipes` and `check`: lists the shipped recipes, and validates a recipe.

use crate::error::Error;
use crate::recipe::{self, Override};

/// Prints the names and summaries of the shipped recipes.
pub fn list() {
    for recipe in recipe::shipped() {
        println!("{}\n    {}", recipe.name, recipe.summary);
    }
}

#[derive(clap::Args)]
pub struct CheckArgs {
    /// A recipe's file, or the name of a shipped one.
    recipe: String,
    /// Puts another value at a dotted key of the recipe.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<Override>,
}

impl CheckArgs {
    pub fn run(self) -> Result<(), Error> {
        let recipe = recipe::open(&self.recipe, &self.set)?;
        println!("{}: nothing wrong", recipe.name);
        Ok(())
    }
}
