//! Work with a language model without a recipe: patching, tracing, running a specification of interventions, collecting
//! activations, generating, and converting to and from the files of other libraries.
//!
//! Each function takes its options as a plain struct and an [`Observer`](crate::report::Observer), and returns its result.

mod apply;
mod collect;
mod collect_options;
mod direction;
mod export;
mod export_options;
mod folder_spec;
mod generate;
mod import;
mod opened;
mod patch;
mod prepared;
mod rows;
mod sites;
mod spec;
mod submission;
mod tails;
mod trace;

pub use apply::{Applied, AppliedExample, ApplyOptions, apply};
pub use collect::collect;
pub use collect_options::{CollectOptions, Collection, Direction, DirectionSize};
pub use export::export;
pub use export_options::{ExportOptions, Exported, Format};
pub use generate::{GenerateArguments, generate};
pub use import::{Imported, import};
pub use opened::{ModelChoice, OpenedModel};
pub use patch::{PatchOptions, Patched, patch};
pub use rows::SiteChoice;
pub use sites::{ModelSites, sites};
pub use spec::{Constant, InterventionSpec, Spec};
pub use trace::{TraceKind, TraceOptions, Traced, trace};

use std::path::Path;

use crate::error::Error;
use crate::report::Heatmap;

/// A token's text as a label, with line breaks and tabs escaped.
fn label(text: &str) -> String {
    let shown = text.replace('\n', "\\n").replace('\t', "\\t");
    match shown.trim() {
        "" => format!("`{shown}`"),
        trimmed => trimmed.to_owned(),
    }
}

/// Creates a folder for results, if it does not exist.
fn make_folder(path: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(path).map_err(Error::file(path, "cannot create the folder"))
}

/// A heatmap of values from 0 to 1 with a row for each layer, without a title and columns.
fn by_layer(values: Vec<Vec<Option<f64>>>) -> Heatmap {
    let rows = (0..values.len()).map(|layer| layer.to_string()).collect();
    let (title, row_axis, column_axis, columns) = (String::new(), "layer".to_owned(), String::new(), Vec::new());
    Heatmap { title, row_axis, column_axis, rows, columns, values, range: (0.0, 1.0) }
}

/// Writes a heatmap into a folder, if there is one, as `NAME.png` and `NAME.csv`.
fn write_heatmap(heatmap: &Heatmap, folder: Option<&Path>, name: &str) -> Result<(), Error> {
    let Some(folder) = folder else { return Ok(()) };
    make_folder(folder)?;
    heatmap.write_png(&folder.join(format!("{name}.png")))?;
    heatmap.write_csv(&folder.join(format!("{name}.csv")))
}

/// The index of the highest value; the first of equal ones.
fn likeliest(values: &[f32]) -> u32 {
    (0..values.len()).reduce(|best, i| if values[i] > values[best] { i } else { best }).unwrap_or(0) as u32
}
