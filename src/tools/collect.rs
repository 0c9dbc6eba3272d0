//! `intervene collect`: writes the activations of a file of inputs, or directions of them.

use std::path::Path;

use super::OpenedModel;
use super::collect_options::{CollectOptions, Collection};
use super::direction;
use super::rows::{ReadyInput, RowReader, RowSink, chosen_sites};
use crate::error::Error;
use crate::hub;
use crate::report::Observer;
use crate::tensors::{Growing, Numbers};

/// The tensors that identify the rows. They come before the sites' tensors.
const INDEX: [&str; 3] = ["example", "position", "token"];

/// Runs a model over a file of inputs and writes the activations of some sites, or a [`Direction`](super::Direction) of them, into one
/// safetensors file.
///
/// Each site is a tensor with the site's name, f32, with one row per position, input after input: `[rows, width]`, or
/// `[rows, heads, head_dim]` for a `head_` name. `example`, `position` and `token` (i64, `[rows]`) identify the rows. The
/// file is read twice, the first time to count the rows. At most one batch, and one site's activations of it, are in
/// memory.
pub fn collect(options: &CollectOptions, observer: &mut dyn Observer) -> Result<Collection, Error> {
    if options.batch == 0 {
        return Err(Error::Invalid("--batch must be at least 1".to_owned()));
    }
    let opened = OpenedModel::open(&options.model, observer)?;
    match (options.direction, &options.inputs) {
        (Some(direction), _) => direction::write(direction, options, &opened, observer),
        (None, Some(inputs)) => write(&hub::data_file(inputs, observer)?, options, &opened, observer),
        (None, None) => Err(Error::Invalid("--inputs FILE is needed".to_owned())),
    }
}

fn write(
    inputs: &Path,
    options: &CollectOptions,
    opened: &OpenedModel,
    observer: &mut dyn Observer,
) -> Result<Collection, Error> {
    let sites = chosen_sites(opened, &options.sites)?;
    let reader = RowReader { opened, inputs, positions: &options.positions, batch: options.batch };
    let (examples, rows) = reader.count()?;
    let mut tensors: Vec<(String, Numbers, Vec<usize>)> =
        INDEX.iter().map(|name| ((*name).to_owned(), Numbers::I64, vec![rows])).collect();
    tensors.extend(sites.iter().map(|chosen| {
        let (site, shape) = (chosen.site, chosen.shape);
        let columns = match shape.heads.filter(|_| site.component.is_head()) {
            Some(heads) => vec![rows, heads, shape.width / heads],
            None => vec![rows, shape.width],
        };
        (site.to_string(), Numbers::F32, columns)
    }));
    let metadata = [("format", "pt".to_owned()), ("model", opened.model.identity().to_owned())];
    let mut file = Growing::create(&options.out, &tensors, &metadata)?;
    observer.begin("collect", examples);
    reader.run(&sites, &mut file, observer)?;
    file.finish()?;
    observer.end();
    Ok(Collection::Rows { rows, inputs: examples, sites: sites.len() })
}

impl RowSink for Growing {
    fn begin(&mut self, first: usize, batch: &[ReadyInput]) -> Result<(), Error> {
        for (at, (tokens, positions)) in batch.iter().enumerate() {
            let values =
                |value: &dyn Fn(usize) -> i64| positions.iter().map(|position| value(*position)).collect::<Vec<_>>();
            self.add_integers(0, &values(&|_| (first + at) as i64))?;
            self.add_integers(1, &values(&|position| position as i64))?;
            self.add_integers(2, &values(&|position| i64::from(tokens[position])))?;
        }
        Ok(())
    }

    fn add_rows(&mut self, at: usize, rows: &[f32]) -> Result<(), Error> {
        self.add_floats(INDEX.len() + at, rows)
    }
}
