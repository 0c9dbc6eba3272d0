//! What a recipe searches a language model with: the model, its pairs as tokens, and where the intervention acts.

use burn::tensor::Device;
use rand_chacha::ChaCha8Rng;

use super::{Stream, rng};
use crate::alignment::{Cache, Level, Partition, Place, States, Storage, Target, solved};
use crate::data::{self, Encoder, Marks, Pair, Tokenizer, show};
use crate::error::Error;
use crate::hub;
use crate::interventions::{AnyIntervention, Kind};
use crate::models::{Dtype, LanguageModel, Pretrained};
use crate::recipe::Recipe;
use crate::report::Progress;
use crate::tasks::{Split, prompt_task};

/// Pairs of one split, how many there were, and how many of those the model solves, where the answers are known.
pub struct Kept {
    pub pairs: Vec<Pair>,
    pub of: usize,
    pub solved: Option<usize>,
}

/// The pairs to train on and to report on, and the names of the variables that they swap, by number.
struct Given {
    train: Vec<Pair>,
    test: Vec<Pair>,
    variables: Vec<String>,
}

/// A language model with the pairs of a recipe.
pub struct Prompts {
    pub model: Pretrained,
    pub tokenizer: Tokenizer,
    pub train: Kept,
    pub test: Kept,
    /// The names of the variables that pairs swap, by number.
    pub variables: Vec<String>,
    pub kind: Kind,
    pub target: Target,
    pub rank: usize,
    pub partition: Partition,
}

impl Prompts {
    /// Reads everything that the recipe names, and checks that it fits together.
    pub fn open(recipe: &Recipe, device: &Device, quiet: bool) -> Result<Self, Error> {
        let source = recipe.model.source.as_deref().unwrap_or_default();
        let folder = hub::resolve(source)?;
        let tokenizer = Tokenizer::load(&folder)?;
        let encoder = Encoder::new(&tokenizer, recipe.intervention.position.clone());
        let Given { train, test, variables } = pairs(recipe, &encoder)?;
        let model = Pretrained::load(&folder, recipe.model.dtype.parse::<Dtype>()?, device)?;
        let asked = &recipe.intervention;
        let target = Target {
            site: asked.component.parse::<crate::tap::Component>()?.at(asked.layer),
            heads: asked.heads.clone(),
        };
        target.check(&model)?;
        let width = target.width(&model);
        let rank = asked.rank.unwrap_or(width);
        if rank > width {
            return Err(Error::Invalid(format!(
                "intervention.rank: {rank} columns are more than the site is wide, {width}"
            )));
        }
        let names: Vec<&str> = variables.iter().map(String::as_str).collect();
        let partition = recipe.partition(&asked.partition, rank, &names)?;
        let keep = |pairs: Vec<Pair>| keep_solved(recipe, &model, pairs, device);
        let (train, test) = (keep(train)?, keep(test)?);
        if !quiet {
            explain(&tokenizer, &train, &test);
        }
        Ok(Self { kind: asked.kind.parse()?, model, tokenizer, train, test, variables, target, rank, partition })
    }

    /// Runs the frozen model on the pairs, once.
    pub fn cache(
        &self,
        what: &str,
        pairs: &[Pair],
        storage: &Storage,
        device: &Device,
        quiet: bool,
    ) -> Result<Cache<'_>, Error> {
        let columns: Vec<_> = self.partition.parts().iter().map(|(_, columns)| columns.clone()).collect();
        let cell = vec![Place::new(self.target.clone(), pairs)];
        let states = self.states(what, std::slice::from_ref(&cell), storage, device, quiet)?;
        states.cache(&cell, &columns)
    }

    /// Runs the frozen model on the pairs of all cells of a sweep, once.
    pub fn states(
        &self,
        what: &str,
        cells: &[Vec<Place>],
        storage: &Storage,
        device: &Device,
        quiet: bool,
    ) -> Result<States<'_>, Error> {
        let mut progress: Option<Progress> = None;
        let states = States::fill(&self.model, cells, storage, device, &mut |done, all| {
            progress.get_or_insert_with(|| Progress::new(what, all, quiet)).advance(done);
        })?;
        if let Some(progress) = progress {
            progress.finish();
        }
        if !quiet {
            let megabytes = states.bytes() as f64 / 1e6;
            match states.level() {
                Level::Recompute => eprintln!("{what}: the cache is computed anew for each batch"),
                level => eprintln!("{what}: {megabytes:.0} MB ({level})"),
            }
        }
        Ok(states)
    }

    /// A fresh intervention of the recipe's kind; trainable on an autodiff device.
    pub fn start(&self, recipe: &Recipe, rng: &mut ChaCha8Rng, device: &Device) -> Result<AnyIntervention, Error> {
        let width = self.target.width(&self.model);
        let map = recipe.orthogonal()?;
        let mut start = AnyIntervention::fresh(self.kind, width, Some(self.rank), map, rng, device)?;
        if let (Some(temperature), Some([from, to])) = (start.temperature_mut(), recipe.training.temperature) {
            *temperature = crate::interventions::Temperature::new(from, to);
        }
        Ok(start)
    }
}

fn pairs(recipe: &Recipe, encoder: &Encoder<'_>) -> Result<Given, Error> {
    let data = recipe.data.clone().unwrap_or_default();
    let Some(task) = &recipe.task else {
        let read = |path: &Option<std::path::PathBuf>| {
            let path = path.as_ref().ok_or_else(|| Error::Invalid("a file of pairs is needed".to_owned()))?;
            encoder.pairs(&data::read(path)?)
        };
        let (train, test) = (read(&data.train)?, read(&data.test)?);
        let variables = train.iter().chain(&test).flat_map(|pair| pair.sources.iter().map(|(v, _)| *v)).max();
        let name = |v: usize| if variables == Some(0) { "label".to_owned() } else { format!("variable {v}") };
        return Ok(Given { train, test, variables: (0..=variables.unwrap_or(0)).map(name).collect() });
    };
    let task = prompt_task(&task.name, recipe.seed)?;
    // Those with columns of their own, or all there are.
    let asked = &recipe.intervention.partition;
    let known = task.variables();
    let variables: Vec<String> = match asked.is_empty() {
        true => known.iter().map(|name| (*name).to_owned()).collect(),
        false => asked.keys().cloned().collect(),
    };
    let draw = |split: Split, count: usize, stream: Stream| {
        let mut random = rng(recipe.seed, stream);
        let mut pairs = Vec::with_capacity(count);
        for (at, variable) in variables.iter().enumerate() {
            let share = count / variables.len() + usize::from(at < count % variables.len());
            let mut drawn = encoder.draw(task.as_ref(), split, &[variable], share, &mut random)?.pairs;
            for source in drawn.iter_mut().flat_map(|pair| &mut pair.sources) {
                source.0 = at;
            }
            pairs.extend(drawn);
        }
        Ok::<_, Error>(pairs)
    };
    let train = draw(Split::Train, data.train_pairs, Stream::Pairs)?;
    let test = draw(Split::Test, data.test_pairs, Stream::HeldOut)?;
    Ok(Given { train, test, variables })
}

fn keep_solved(
    recipe: &Recipe,
    model: &dyn LanguageModel,
    mut pairs: Vec<Pair>,
    device: &Device,
) -> Result<Kept, Error> {
    let of = pairs.len();
    let known = pairs.iter().any(|pair| pair.base_answer.is_some() || pair.source_answers.iter().any(Option::is_some));
    let mut count = None;
    if known {
        let solved = solved(model, &pairs, device)?;
        count = Some(solved.iter().filter(|solved| **solved).count());
        if recipe.data.as_ref().is_none_or(|data| data.solved) {
            let mut solved = solved.into_iter();
            pairs.retain(|_| solved.next().unwrap_or(false));
        }
    }
    if pairs.is_empty() {
        let problem = format!("the model solves none of the {of} pairs: data.solved = false keeps them all");
        return Err(Error::Invalid(problem));
    }
    Ok(Kept { pairs, of, solved: count })
}

/// Three examples with their intervened tokens marked, and how many pairs there are.
fn explain(tokenizer: &Tokenizer, train: &Kept, test: &Kept) {
    for pair in train.pairs.iter().take(3) {
        eprintln!("{}\n", show(pair, tokenizer, Marks::of_stderr()));
    }
    for (name, kept) in [("train", train), ("test", test)] {
        let solves = kept.solved.map_or_else(
            || "the right answers are not known, so none was left out".to_owned(),
            |solved| format!("the model solves {solved} of {}", kept.of),
        );
        eprintln!("{name}: {} pairs; {solves}", kept.pairs.len());
    }
}
