//! `intervene collect`: activations of a file of inputs, streamed.

use std::path::PathBuf;
use std::str::FromStr;

use burn::tensor::{DType, Tensor};

use super::{ModelChoice, Opened};
use crate::data::{Input, Inputs, Positions};
use crate::error::Error;
use crate::models::{Context, FrozenModel, LanguageModel, SiteShape};
use crate::report::Progress;
use crate::tap::{Component, Rows, Site};
use crate::tensors::{Growing, Numbers};

/// A site, or a component in all layers: `3.block_output`, `all.block_output`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SiteChoice {
    /// The layer; all of them without one.
    layer: Option<usize>,
    component: Component,
}

impl FromStr for SiteChoice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.split_once('.') {
            Some(("all", component)) => Ok(Self { layer: None, component: component.parse()? }),
            _ => text.parse().map(|site: Site| Self { layer: Some(site.layer), component: site.component }),
        }
    }
}

/// The options of [`collect`].
#[derive(Clone, Debug, clap::Args)]
pub struct CollectOptions {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub model: ModelChoice,
    /// JSON lines: {"base": TEXT or token ids, "positions": …}
    #[arg(long, value_name = "FILE")]
    pub inputs: PathBuf,
    /// What is collected: 3.block_output, or all.block_output for every layer; several with commas.
    #[arg(long, value_delimiter = ',', required = true, value_name = "SITES")]
    pub sites: Vec<SiteChoice>,
    /// The safetensors file to write.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Which tokens, where a line does not say: all, last, a number, text:PART; several with commas.
    #[arg(long, default_value = "all", allow_hyphen_values = true)]
    pub positions: Positions,
    /// Inputs that are run together.
    #[arg(long, default_value_t = 8)]
    pub batch: usize,
    /// No progress.
    #[arg(long)]
    pub quiet: bool,
}

/// One tensor of the file.
struct Wanted {
    site: Site,
    shape: SiteShape,
}

/// An input that is ready to run: its tokens and the positions that are kept.
type Ready = (Vec<u32>, Vec<usize>);

/// The tensors that tell which row is which, announced before the sites.
const INDEX: [&str; 3] = ["example", "position", "token"];

/// Runs a model over a file of inputs and writes the activations of some sites into one safetensors file.
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
    let wanted = wanted(&opened, &options.sites)?;
    let (examples, rows) = count(&opened, options)?;

    let mut tensors: Vec<(String, Numbers, Vec<usize>)> =
        INDEX.iter().map(|name| ((*name).to_owned(), Numbers::I64, vec![rows])).collect();
    tensors.extend(wanted.iter().map(|Wanted { site, shape }| {
        let columns = match shape.heads.filter(|_| site.component.is_head()) {
            Some(heads) => vec![rows, heads, shape.width / heads],
            None => vec![rows, shape.width],
        };
        (site.to_string(), Numbers::F32, columns)
    }));
    let metadata = [("format", "pt".to_owned()), ("model", opened.model.identity().to_owned())];
    let mut file = Growing::create(&options.out, &tensors, &metadata)?;
    let mut progress = Progress::new("collect", examples, options.quiet);
    let mut inputs = Inputs::open(&options.inputs)?;
    let mut done = 0;
    loop {
        let mut batch: Vec<Ready> = Vec::with_capacity(options.batch);
        while batch.len() < options.batch
            && let Some(ready) = next(&opened, &mut inputs, options)?
        {
            batch.push(ready);
        }
        if batch.is_empty() {
            break;
        }
        run(&opened, &wanted, done, &batch, &mut file)?;
        done += batch.len();
        progress.advance(done);
    }
    file.finish()?;
    progress.finish();
    Ok(format!("{}: {rows} rows of {examples} inputs at {} sites", options.out.display(), wanted.len()))
}

fn wanted(opened: &Opened, sites: &[SiteChoice]) -> Result<Vec<Wanted>, Error> {
    let mut wanted: Vec<Wanted> = Vec::new();
    for choice in sites {
        let layers = choice.layer.map_or(0..opened.model.n_layers(), |layer| layer..layer + 1);
        for layer in layers {
            let site = choice.component.at(layer);
            let shape = opened.check_site(site)?;
            if wanted.iter().any(|known| known.site == site) {
                return Err(Error::Invalid(format!("{site} is named twice in --sites")));
            }
            wanted.push(Wanted { site, shape });
        }
    }
    Ok(wanted)
}

/// The number of inputs and of rows, every input checked.
fn count(opened: &Opened, options: &CollectOptions) -> Result<(usize, usize), Error> {
    let mut inputs = Inputs::open(&options.inputs)?;
    let (mut examples, mut rows) = (0, 0);
    while let Some((_, positions)) = next(opened, &mut inputs, options)? {
        examples += 1;
        rows += positions.len();
    }
    if examples == 0 {
        return Err(Error::content(&options.inputs, "holds no input: one line of JSON each is needed"));
    }
    Ok((examples, rows))
}

fn next(opened: &Opened, inputs: &mut Inputs, options: &CollectOptions) -> Result<Option<Ready>, Error> {
    let Some(input) = inputs.next().transpose()? else { return Ok(None) };
    let ready = |Input { base, sources, positions, source_positions, subspaces }: Input| {
        if !sources.is_empty() || source_positions.is_some() || !subspaces.is_empty() {
            let problem =
                "`sources`, `source_positions` and `subspaces` are of no use here: collect runs the base alone";
            return Err(Error::Invalid(problem.to_owned()));
        }
        let prompt = opened.prompt(&base)?;
        let kept = positions.as_ref().unwrap_or(&options.positions).resolve(&prompt)?;
        Ok((prompt.tokens().to_vec(), kept))
    };
    ready(input).map(Some).map_err(|error| inputs.wrong(&error))
}

/// Runs one batch and writes each site's rows as it comes by.
fn run(opened: &Opened, wanted: &[Wanted], first: usize, batch: &[Ready], file: &mut Growing) -> Result<(), Error> {
    for (at, (tokens, kept)) in batch.iter().enumerate() {
        let of = |value: &dyn Fn(usize) -> i64| kept.iter().map(|position| value(*position)).collect::<Vec<_>>();
        file.add_integers(0, &of(&|_| (first + at) as i64))?;
        file.add_integers(1, &of(&|position| position as i64))?;
        file.add_integers(2, &of(&|position| i64::from(tokens[position])))?;
    }
    let prompts: Vec<&[u32]> = batch.iter().map(|(tokens, _)| tokens.as_slice()).collect();
    let lengths: Vec<usize> = prompts.iter().map(|prompt| prompt.len()).collect();
    let longest = lengths.iter().copied().max().unwrap_or(0);
    // The inputs keep different numbers of rows: to gather them, the batch is one long example.
    let places =
        |(at, (_, kept)): (usize, &Ready)| kept.iter().map(|position| at * longest + position).collect::<Vec<_>>();
    let rows = Rows::positions(vec![batch.iter().enumerate().flat_map(places).collect()])?;

    let mut written = Ok(());
    let mut tap = |site: Site, activation: Tensor<3>| {
        let here = |wanted: &Wanted| wanted.site.layer == site.layer && wanted.site.component.site() == site.component;
        for (at, _) in wanted.iter().enumerate().filter(|(_, wanted)| here(wanted)) {
            let [batch, seq, width] = activation.dims();
            let taken = rows.gather(activation.clone().reshape([1, batch * seq, width])).cast(DType::F32);
            let values: Vec<f32> = taken.into_data().iter::<f32>().collect();
            if written.is_ok() {
                written = file.add_floats(INDEX.len() + at, &values);
            }
        }
        activation
    };
    let mut context = Context::of_lengths(&lengths);
    let hidden = opened.model.embed(opened.tokens(&prompts), &context);
    let needed = wanted.iter().map(|wanted| wanted.site.layer + 1).max().unwrap_or(0);
    opened.model.layers(hidden, 0..needed, &mut context, &mut tap);
    written
}
