//! `intervene collect`: activations of a file of inputs, streamed; or directions among them.

use std::path::Path;

use super::Opened;
use super::collect_options::CollectOptions;
use super::direction;
use super::rows::{Reading, Ready, Taker, wanted};
use crate::error::Error;
use crate::report::Progress;
use crate::tensors::{Growing, Numbers};

/// The tensors that tell which row is which, announced before the sites.
const INDEX: [&str; 3] = ["example", "position", "token"];

/// Runs a model over a file of inputs and writes the activations of some sites into one safetensors file; with a
/// [`Direction`](super::Direction), a vector or a few among them instead.
///
/// Each site is a tensor of its own name, f32, with one row per kept position, input after input: `[rows, width]`, or
/// `[rows, heads, head_dim]` under a `head_` name. `example`, `position` and `token` (i64, `[rows]`) tell which row is
/// which. The file is read twice, once to count; no more than one batch is ever in memory, and of its activations no
/// more than one site's.
pub fn collect(options: &CollectOptions) -> Result<String, Error> {
    if options.batch == 0 {
        return Err(Error::Invalid("--batch must be at least 1".to_owned()));
    }
    let opened = Opened::open(&options.model)?;
    match (options.direction, &options.inputs) {
        (Some(direction), _) => direction::write(direction, options, &opened),
        (None, Some(inputs)) => write(inputs, options, &opened),
        (None, None) => Err(Error::Invalid("--inputs is needed: a file of inputs".to_owned())),
    }
}

fn write(inputs: &Path, options: &CollectOptions, opened: &Opened) -> Result<String, Error> {
    let wanted = wanted(opened, &options.sites)?;
    let reading = Reading { opened, inputs, positions: &options.positions, batch: options.batch };
    let (examples, rows) = reading.count()?;
    let mut tensors: Vec<(String, Numbers, Vec<usize>)> =
        INDEX.iter().map(|name| ((*name).to_owned(), Numbers::I64, vec![rows])).collect();
    tensors.extend(wanted.iter().map(|wanted| {
        let (site, shape) = (wanted.site, wanted.shape);
        let columns = match shape.heads.filter(|_| site.component.is_head()) {
            Some(heads) => vec![rows, heads, shape.width / heads],
            None => vec![rows, shape.width],
        };
        (site.to_string(), Numbers::F32, columns)
    }));
    let metadata = [("format", "pt".to_owned()), ("model", opened.model.identity().to_owned())];
    let mut file = Growing::create(&options.out, &tensors, &metadata)?;
    let mut progress = Progress::new("collect", examples, options.quiet);
    reading.run(&wanted, &mut file, &mut progress)?;
    file.finish()?;
    progress.finish();
    Ok(format!("{}: {rows} rows of {examples} inputs at {} sites", options.out.display(), wanted.len()))
}

impl Taker for Growing {
    fn begin(&mut self, first: usize, batch: &[Ready]) -> Result<(), Error> {
        for (at, (tokens, kept)) in batch.iter().enumerate() {
            let of = |value: &dyn Fn(usize) -> i64| kept.iter().map(|position| value(*position)).collect::<Vec<_>>();
            self.add_integers(0, &of(&|_| (first + at) as i64))?;
            self.add_integers(1, &of(&|position| position as i64))?;
            self.add_integers(2, &of(&|position| i64::from(tokens[position])))?;
        }
        Ok(())
    }

    fn take(&mut self, at: usize, rows: &[f32]) -> Result<(), Error> {
        self.add_floats(INDEX.len() + at, rows)
    }
}
