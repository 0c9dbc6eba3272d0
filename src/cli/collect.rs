//! `collect`: writes the activations of a file of inputs.

use std::path::{Path, PathBuf};

use super::console::Console;
use super::model_args::ModelArgs;
use crate::data::Positions;
use crate::error::Error;
use crate::tools::{self, CollectOptions, Collection, Direction, DirectionSize, SiteChoice};

#[derive(clap::Args)]
pub struct CollectArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// JSON lines: {"base": TEXT or token ids, "positions": …}
    #[arg(long, value_name = "FILE", required_unless_present = "positive", conflicts_with = "positive")]
    inputs: Option<PathBuf>,
    /// The sites: 3.block_output, or all.block_output for all layers; separate several with commas.
    #[arg(long, value_delimiter = ',', required = true, value_name = "SITES")]
    sites: Vec<SiteChoice>,
    /// The safetensors file to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The tokens of lines that name none: all, last, a number, text:PART; separate several with commas.
    #[arg(long, default_value = "all", allow_hyphen_values = true)]
    positions: Positions,
    /// Write directions for steering instead of the rows: diff-means, or pca:K for K principal components.
    #[arg(long, value_name = "DIRECTION")]
    direction: Option<Direction>,
    /// A file of inputs with the property that the direction should point to.
    #[arg(long, value_name = "FILE", requires_all = ["negative", "direction"])]
    positive: Option<PathBuf>,
    /// A file of inputs without that property.
    #[arg(long, value_name = "FILE", requires = "positive")]
    negative: Option<PathBuf>,
    /// The number of inputs in a batch.
    #[arg(long, default_value_t = 8)]
    batch: usize,
    /// Show no progress.
    #[arg(long)]
    quiet: bool,
}

impl CollectArgs {
    pub fn run(self) -> Result<(), Error> {
        let Self { model, inputs, sites, out, positions, direction, positive, negative, batch, quiet } = self;
        let options =
            CollectOptions { model: model.into(), inputs, sites, out, positions, direction, positive, negative, batch };
        let collection = tools::collect(&options, Console::observer(quiet).as_mut())?;
        println!("{}", text(&collection, &options.out));
        Ok(())
    }
}

fn text(collection: &Collection, out: &Path) -> String {
    let out = out.display();
    let (sites, positive, negative) = match collection {
        Collection::Rows { rows, inputs, sites } => {
            return format!("{out}: {rows} rows of {inputs} inputs at {sites} sites");
        }
        Collection::Directions { sites, positive, negative } => (sites, positive, negative),
    };
    let line = |(site, size): &(_, DirectionSize)| match size {
        DirectionSize::Length(length) => format!("{site}: length {length:.3}"),
        DirectionSize::Shares(shares) => {
            let shares: Vec<String> = shares.iter().map(|share| format!("{:.1}%", 100.0 * share)).collect();
            format!("{site}: {} of the variance", shares.join(", "))
        }
    };
    let mut lines: Vec<String> = sites.iter().map(line).collect();
    lines.push(match negative {
        Some(negative) => format!("{out}: {positive} positive rows, {negative} negative rows"),
        None => format!("{out}: {positive} rows"),
    });
    lines.join("\n")
}
