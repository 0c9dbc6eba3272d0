//! `intervene apply`: runs a specification over a file of inputs.

use std::path::{Path, PathBuf};

use burn::tensor::{DType, Tensor, activation};

use super::prepared::{Collected, LocatedUnits, Prepared};
use super::spec::Spec;
use super::{ModelChoice, OpenedModel, label};
use crate::data::{InputReader, Positions, Tokenised};
use crate::error::Error;
use crate::hub;
use crate::intervenable::{Intervenable, RunInput, RunOutput};
use crate::models::LanguageModel;
use crate::report::Observer;
use crate::tap::{Rows, Site};
use crate::tensors::{Growing, Numbers};

/// The options of [`apply`]: the flags of `intervene apply`, which its `--help` explains.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the fields are the flags of the program")]
pub struct ApplyOptions {
    pub spec: PathBuf,
    pub model: ModelChoice,
    pub inputs: PathBuf,
    pub out: PathBuf,
    pub logits: Positions,
    pub show: usize,
    pub batch: usize,
}

/// The result of [`apply`].
#[derive(Clone, Debug)]
pub struct Applied {
    /// The number of inputs.
    pub inputs: usize,
    /// The number of rows of `logits`.
    pub logit_rows: usize,
    /// The site and the number of rows of each collecting intervention.
    pub collected: Vec<(Site, usize)>,
    /// The first inputs, as many as the options ask for.
    pub shown: Vec<AppliedExample>,
}

/// An input with its most probable next tokens and their probabilities.
#[derive(Clone, Debug)]
pub struct AppliedExample {
    /// The base's text, or its token ids.
    pub name: String,
    /// The next tokens without the interventions.
    pub before: Vec<(String, f32)>,
    /// The next tokens with them.
    pub after: Vec<(String, f32)>,
}

struct ReadyExample {
    base: Tokenised,
    sources: Vec<Tokenised>,
    locations: Vec<LocatedUnits>,
    /// The positions whose logits are saved.
    saved: Vec<usize>,
}

/// The first two tensors of each group: the example and the position of each row. (Collected heads have all positions of
/// the first head, then those of the next.)
const INDEX: [&str; 2] = ["example", "position"];

/// Runs a specification over a file of inputs, and writes logits and collected activations into one safetensors file.
/// Returns the most probable next tokens of the first inputs without and with the interventions.
///
/// `logits` is `[rows, classes]`, f32, with one row per saved position, input after input; `logits.example` and
/// `logits.position` (i64) identify the rows. Each collecting intervention has a tensor `collected.NUMBER.SITE`,
/// `[rows, width]`, with `.example` and `.position`. The file is read twice, the first time to check it and to count the
/// rows. At most one batch is in memory.
pub fn apply(options: &ApplyOptions, observer: &mut dyn Observer) -> Result<Applied, Error> {
    if options.batch == 0 {
        return Err(Error::Invalid("--batch must be at least 1".to_owned()));
    }
    let spec = Spec::open(&options.spec, observer)?;
    let opened = OpenedModel::open(&options.model, observer)?;
    let prepared = Prepared::new(spec, &opened)?;
    let file_of_inputs = hub::data_file(&options.inputs, observer)?;
    let collected = prepared.collected();
    let (examples, rows) = count(&opened, &prepared, &collected, &file_of_inputs, options)?;

    let mut tensors = group("logits", rows[0], opened.model.vocab_size());
    for (site, rows) in collected.iter().zip(&rows[1..]) {
        tensors.extend(group(&format!("collected.{}.{}", site.number, site.site), *rows, site.width));
    }
    let metadata = [
        ("format", "pt".to_owned()),
        ("model", opened.model.identity().to_owned()),
        ("specification", options.spec.display().to_string()),
    ];
    let mut file = Growing::create(&options.out, &tensors, &metadata)?;
    observer.begin("apply", examples);
    let intervenable = prepared.intervenable(&opened)?;
    let mut shown = Vec::new();
    let mut inputs = InputReader::open(&file_of_inputs)?;
    let mut ahead = None;
    let mut done = 0;
    loop {
        let mut batch: Vec<ReadyExample> = Vec::new();
        while batch.len() < options.batch {
            let Some(example) =
                ahead.take().map_or_else(|| next(&opened, &prepared, &mut inputs, options), |e| Ok(Some(e)))?
            else {
                break;
            };
            let fits = |first: &ReadyExample| first.locations.iter().zip(&example.locations).all(|(a, b)| a.fits(b));
            if batch.first().is_none_or(fits) {
                batch.push(example);
            } else {
                ahead = Some(example);
                break;
            }
        }
        if batch.is_empty() {
            break;
        }
        let run = run(&opened, &prepared, &intervenable, &batch)?;
        write(&batch, &prepared, &collected, done, &run, &mut file)?;
        if done < options.show {
            let base = tokens(batch.iter().map(|example| &example.base));
            let base = RunInput::tokens(&opened.model, &base, &opened.device)?;
            let nothing = vec![None; intervenable.sources()];
            let clean = intervenable.run(&base, &nothing, &vec![None; prepared.spec.interventions.len()])?;
            for (at, example) in batch.iter().enumerate().take(options.show - done) {
                let next = |logits: &Tensor<3>| likeliest(&opened, logits, at, example.base.len() - 1);
                let name = example.base.text().map_or_else(|| format!("{:?}", example.base.tokens()), label);
                shown.push(AppliedExample { name, before: next(&clean.logits), after: next(&run.logits) });
            }
        }
        done += batch.len();
        observer.advance(done);
    }
    file.finish()?;
    observer.end();
    let collected = collected.iter().zip(&rows[1..]).map(|(collected, rows)| (collected.site, *rows)).collect();
    Ok(Applied { inputs: examples, logit_rows: rows[0], collected, shown })
}

fn group(name: &str, rows: usize, width: usize) -> Vec<(String, Numbers, Vec<usize>)> {
    let index = INDEX.iter().map(|part| (format!("{name}.{part}"), Numbers::I64, vec![rows]));
    index.chain([(name.to_owned(), Numbers::F32, vec![rows, width])]).collect()
}

/// Checks all inputs, and returns their number and the numbers of rows: of the logits, then of each collected site.
fn count(
    opened: &OpenedModel,
    prepared: &Prepared,
    collected: &[Collected],
    file_of_inputs: &Path,
    options: &ApplyOptions,
) -> Result<(usize, Vec<usize>), Error> {
    let mut inputs = InputReader::open(file_of_inputs)?;
    let (mut examples, mut rows) = (0, vec![0; 1 + collected.len()]);
    while let Some(example) = next(opened, prepared, &mut inputs, options)? {
        examples += 1;
        rows[0] += example.saved.len();
        for (site, rows) in collected.iter().zip(&mut rows[1..]) {
            *rows += prepared.rows(site.number, &example.locations[site.number]);
        }
    }
    if examples == 0 {
        return Err(Error::content(file_of_inputs, "has no inputs: one line of JSON for each is needed"));
    }
    Ok((examples, rows))
}

fn next(
    opened: &OpenedModel,
    prepared: &Prepared,
    inputs: &mut InputReader,
    options: &ApplyOptions,
) -> Result<Option<ReadyExample>, Error> {
    let Some(input) = inputs.next().transpose()? else { return Ok(None) };
    let ready = || {
        let base = opened.prompt(&input.base)?;
        let sources = input.sources.iter().map(|source| opened.prompt(source)).collect::<Result<Vec<_>, _>>()?;
        let locations = prepared.locations(&input, &base, &sources)?;
        let saved = options.logits.resolve(&base)?;
        Ok(ReadyExample { base, sources, locations, saved })
    };
    ready().map(Some).map_err(|error| inputs.wrong(&error))
}

fn tokens<'a>(prompts: impl Iterator<Item = &'a Tokenised>) -> Vec<Vec<u32>> {
    prompts.map(|prompt| prompt.tokens().to_vec()).collect()
}

fn run(
    opened: &OpenedModel,
    prepared: &Prepared,
    intervenable: &Intervenable<'_>,
    batch: &[ReadyExample],
) -> Result<RunOutput, Error> {
    let input = |tokens: Vec<Vec<u32>>| RunInput::tokens(&opened.model, &tokens, &opened.device);
    let base = input(tokens(batch.iter().map(|example| &example.base)))?;
    let source = |number: usize| input(tokens(batch.iter().map(|example| &example.sources[number]))).map(Some);
    let sources = (0..prepared.sources()).map(source).collect::<Result<Vec<_>, _>>()?;
    let locations: Vec<&[LocatedUnits]> = batch.iter().map(|example| example.locations.as_slice()).collect();
    intervenable.run(&base, &sources, &prepared.placements(&locations))
}

fn write(
    batch: &[ReadyExample],
    prepared: &Prepared,
    collected: &[Collected],
    first: usize,
    run: &RunOutput,
    file: &mut Growing,
) -> Result<(), Error> {
    let [_, longest, classes] = run.logits.dims();
    let mut rows = Vec::new();
    for (at, ReadyExample { saved, .. }) in batch.iter().enumerate() {
        file.add_integers(0, &vec![(first + at) as i64; saved.len()])?;
        file.add_integers(1, &saved.iter().map(|position| *position as i64).collect::<Vec<_>>())?;
        rows.extend(saved.iter().map(|position| at * longest + position));
    }
    let logits = run.logits.clone().reshape([1, batch.len() * longest, classes]);
    file.add_floats(2, &values(Rows::positions(vec![rows])?.gather(logits)))?;
    for ((which, site), rows) in collected.iter().enumerate().zip(&run.collected) {
        let group = (INDEX.len() + 1) * (1 + which);
        for (at, ReadyExample { locations, .. }) in batch.iter().enumerate() {
            let location = &locations[site.number];
            let count = prepared.rows(site.number, location);
            let positions = location.base.iter().cycle().take(count).map(|position| *position as i64);
            file.add_integers(group, &vec![(first + at) as i64; count])?;
            file.add_integers(group + 1, &positions.collect::<Vec<_>>())?;
        }
        file.add_floats(group + 2, &values(rows.clone()))?;
    }
    Ok(())
}

fn values(tensor: Tensor<3>) -> Vec<f32> {
    tensor.cast(DType::F32).into_data().iter::<f32>().collect()
}

/// The three most probable next tokens after a position, with their probabilities.
fn likeliest(opened: &OpenedModel, logits: &Tensor<3>, example: usize, position: usize) -> Vec<(String, f32)> {
    let row = logits.clone().narrow(0, example, 1).narrow(1, position, 1).cast(DType::F32);
    let probabilities = values(activation::softmax(row, 2));
    let mut order: Vec<usize> = (0..probabilities.len()).collect();
    order.sort_by(|a, b| probabilities[*b].total_cmp(&probabilities[*a]));
    order.iter().take(3).map(|token| (opened.token(*token as u32), probabilities[*token])).collect()
}
