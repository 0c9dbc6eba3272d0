//! `sites`: the sites of a model.

use std::fmt::Write;

use super::console::Console;
use crate::error::Error;
use crate::tools::{self, ModelSites};

#[derive(clap::Args)]
pub struct SitesArgs {
    /// A checkpoint folder: config.json, and model.safetensors or its shards.
    model: String,
}

impl SitesArgs {
    pub fn run(self) -> Result<(), Error> {
        print!("{}", text(&tools::sites(&self.model, &mut Console::default())?));
        Ok(())
    }
}

/// A table of the components: name, width of a row, number of heads in a row.
fn text(ModelSites { model_type, layers, components }: &ModelSites) -> String {
    let last = layers - 1;
    let mut text =
        format!("{model_type}, {layers} layers: a site is LAYER.COMPONENT, 0.block_input to {last}.block_output\n\n");
    // Writing to a string cannot fail, here and below.
    let _ = writeln!(text, "{:28} {:>6} {:>6}", "component", "width", "heads");
    for (component, shape) in components {
        let (width, heads) = match (component.is_head(), shape.heads) {
            (true, heads) => (shape.width / heads.unwrap_or(1), "one".to_owned()),
            (false, Some(heads)) => (shape.width, heads.to_string()),
            (false, None) => (shape.width, "-".to_owned()),
        };
        let _ = writeln!(text, "{component:28} {width:>6} {heads:>6}");
    }
    text
}
