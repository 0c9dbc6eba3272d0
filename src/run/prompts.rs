//! What a recipe searches a language model with: the model, its pairs as tokens, and where the intervention acts.

use std::collections::BTreeSet;

use burn::tensor::Device;

use super::aim::{Aim, Spot};
use super::splits::{Given, Kept, Splits};
use crate::alignment::{Cache, Level, Place, States, Storage};
use crate::data::{Encoder, Pair, Position, Row, Tokenizer};
use crate::error::Error;
use crate::hub;
use crate::interventions::Needs;
use crate::models::{Dtype, Pretrained};
use crate::recipe::{Answers, Recipe};
use crate::report::Progress;

/// A language model with the pairs of a recipe.
pub struct Prompts {
    pub model: Pretrained,
    pub pairs: Splits<Kept>,
    /// The names of the variables that pairs swap, by number.
    pub variables: Vec<String>,
    pub aim: Aim,
    /// The tokens that answers are asked among; none for all of them.
    pub choices: Option<Vec<u32>>,
    /// What a pair that keeps its answer weighs in the loss; 0 where there is nothing to weigh.
    pub isolation: f64,
    pub tokenizer: Tokenizer,
    /// May an answer's first token stand for the whole? A task's may.
    first_token: bool,
}

impl Prompts {
    /// Reads everything that the recipe names, and checks that it fits together.
    pub fn open(recipe: &Recipe, device: &Device, quiet: bool) -> Result<Self, Error> {
        let source = recipe.model.source.as_deref().unwrap_or_default();
        let folder = hub::resolve(source)?;
        let tokenizer = Tokenizer::load(&folder)?;
        let first_token = recipe.task.is_some();
        let encoder = Encoder { first_token, ..Encoder::new(&tokenizer, recipe.intervention.position.clone()) };
        let Given { rows, variables } = Given::new(recipe, &encoder)?;
        let pairs = rows.map(|_, rows| Ok((encoder.pairs(&rows)?, rows)))?;
        if recipe.training.isolation > 0.0 && !pairs.train.0.iter().any(Pair::keeps_answer) {
            let problem = "training.isolation: no pair of data.train has a base_answer that its label keeps";
            return Err(Error::Invalid(problem.to_owned()));
        }
        let model = Pretrained::load(&folder, recipe.model.dtype.parse::<Dtype>()?, device)?;
        let aim = Aim::of(recipe, &model, &variables)?;
        let pairs = pairs.map(|_, (pairs, rows)| {
            aim.partition.check(&pairs)?;
            check_sources(&aim, &rows)?;
            Kept::of(recipe, &model, pairs, rows, device)
        })?;
        let choices = match &recipe.training.answers {
            Answers::All => None,
            Answers::Task => {
                let all: BTreeSet<u32> =
                    pairs.iter().flat_map(|(_, kept)| kept.pairs.iter().flat_map(answers)).collect();
                Some(all.into_iter().collect())
            }
            Answers::Listed(listed) => {
                Some(listed.iter().map(|answer| tokenizer.single(answer)).collect::<Result<Vec<u32>, Error>>()?)
            }
        };
        if !quiet {
            pairs.explain(&tokenizer);
        }
        let isolation = recipe.training.isolation;
        Ok(Self { model, pairs, variables, aim, choices, isolation, tokenizer, first_token })
    }

    /// The same pairs, with other tokens meant.
    pub fn pairs_at(&self, kept: &Kept, position: &Position) -> Result<Vec<Pair>, Error> {
        let encoder = Encoder::new(&self.tokenizer, position.clone());
        Encoder { first_token: self.first_token, ..encoder }.pairs(&kept.rows)
    }

    /// The places that are intervened on, each with the pairs and the tokens that it means.
    fn places(&self, kept: &Kept) -> Result<Vec<Place>, Error> {
        let first = &self.aim.spots[0].position;
        let place = |spot: &Spot| {
            let target = spot.target.clone();
            Ok(match spot.position == *first {
                true => Place::new(target, &kept.pairs),
                false => Place::new(target, &self.pairs_at(kept, &spot.position)?),
            })
        };
        self.aim.spots.iter().map(place).collect()
    }

    /// Runs the frozen model on the pairs, once.
    pub fn cache(
        &self,
        what: &str,
        kept: &Kept,
        storage: &Storage,
        device: &Device,
        quiet: bool,
    ) -> Result<Cache<'_>, Error> {
        let cell = self.places(kept)?;
        let states = self.states(what, std::slice::from_ref(&cell), storage, device, quiet)?;
        self.asking(states.cache(&cell))
    }

    /// A cache that asks what the recipe asks: among its answers, with its weights.
    pub fn asking<'a>(&self, cache: Cache<'a>) -> Result<Cache<'a>, Error> {
        let cache = if self.isolation > 0.0 { cache.weighing_isolation(self.isolation) } else { cache };
        match &self.choices {
            None => Ok(cache),
            Some(choices) => cache.among(choices),
        }
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
}

/// Is there a source where one is read, and none where none is?
fn check_sources(aim: &Aim, rows: &[Row]) -> Result<(), Error> {
    let reads = aim.kind.needs() == Needs::Source;
    let wrong = rows.iter().find(|row| row.sources.is_empty() == reads);
    wrong.map_or(Ok(()), |row| {
        let keys = if reads { "base, source and label" } else { "prompt and completion" };
        let problem = format!("a {} is trained on rows with {keys}", aim.kind);
        Err(Error::Data { place: row.place.clone(), problem })
    })
}

/// Every answer that a pair knows of.
fn answers(pair: &Pair) -> impl Iterator<Item = u32> {
    pair.labels.iter().copied().chain(pair.base_answer).chain(pair.source_answers.iter().copied().flatten())
}
