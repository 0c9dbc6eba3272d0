//! A language model on pairs of prompts.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use burn::tensor::Device;

use super::examples::TestExamples;
use super::hypothesis::Hypothesis;
use super::network::Network;
use super::random::{RandomStream, rng};
use super::session::Session;
use super::splits::{EncodedSplits, SolvedPairs, Splits};
use crate::alignment::{
    Batches, Cache, Candidate, LanguageProblem, Level, LocatedPairs, Location, Problem, States, Storage,
};
use crate::data::{EncodedRow, Encoder, Pair, Position, Tokenizer};
use crate::error::Error;
use crate::hub;
use crate::interventions::Needs;
use crate::models::Pretrained;
use crate::recipe::{Answers, Recipe};
use crate::report::Observer;
use crate::saved::ModelIdentity;

pub struct LanguageNetwork {
    recipe: Recipe,
    folder: PathBuf,
    pub model: Pretrained,
    pub pairs: Splits<SolvedPairs>,
    /// The names of the variables that pairs swap, by number.
    pub variables: Vec<String>,
    pub hypothesis: Hypothesis,
    /// The only tokens that may be answers; `None` for the whole vocabulary.
    choices: Option<Vec<u32>>,
    pub tokenizer: Tokenizer,
    device: Device,
}

impl LanguageNetwork {
    /// Reads everything that the recipe names, and checks that it fits together; `source` is the model's folder or name.
    pub fn open(session: &mut Session<'_>, source: &str) -> Result<Self, Error> {
        let (recipe, device) = (session.recipe, session.device);
        let folder = hub::resolve(source, session.observer)?;
        let tokenizer = Tokenizer::load(&folder)?;
        let position = recipe.intervention.position.clone();
        // The first token of a task's answer may stand for the whole.
        let encoder = Encoder { first_token: recipe.task.is_some(), ..Encoder::new(&tokenizer, position.clone()) };
        let EncodedSplits { rows, variables } = EncodedSplits::new(recipe, &encoder, session.observer)?;
        let pairs = rows.map(|rows| Ok((pairs_at(&rows, &position)?, rows)))?;
        if recipe.training.isolation > 0.0 && !pairs.train.0.iter().any(Pair::keeps_answer) {
            let problem = "training.isolation: no pair of data.train has a base_answer that its label keeps";
            return Err(Error::Invalid(problem.to_owned()));
        }
        let model = Pretrained::load(&folder, recipe.model.dtype, device)?;
        let hypothesis = Hypothesis::new(recipe, &model, &variables)?;
        let pairs = pairs.map(|(pairs, rows)| {
            hypothesis.partition.check(&pairs)?;
            check_sources(&hypothesis, &rows)?;
            SolvedPairs::new(recipe, &model, pairs, rows, device)
        })?;
        let choices = match &recipe.training.answers {
            Answers::All => None,
            Answers::Task => {
                let all: BTreeSet<u32> =
                    pairs.iter().flat_map(|(_, solved)| solved.pairs.iter().flat_map(answers)).collect();
                Some(all.into_iter().collect())
            }
            Answers::Listed(listed) => {
                Some(listed.iter().map(|answer| tokenizer.single(answer)).collect::<Result<Vec<u32>, Error>>()?)
            }
        };
        pairs.explain(&tokenizer, session.observer);
        let (recipe, device) = (recipe.clone(), device.clone());
        Ok(Self { recipe, folder, model, pairs, variables, hypothesis, choices, tokenizer, device })
    }

    pub fn pairs_at(&self, solved: &SolvedPairs, position: &Position) -> Result<Vec<Pair>, Error> {
        pairs_at(&solved.rows, position)
    }

    /// The places that are intervened on at once, each with the pairs and the tokens that its position names.
    fn places(&self, solved: &SolvedPairs) -> Result<Vec<LocatedPairs>, Error> {
        let first = &self.recipe.intervention.position;
        let place = |location: &Location| {
            Ok(match location.position.as_ref().filter(|position| *position != first) {
                None => LocatedPairs::new(location.clone(), &solved.pairs),
                Some(position) => LocatedPairs::new(location.clone(), &self.pairs_at(solved, position)?),
            })
        };
        self.hypothesis.locations.iter().map(place).collect()
    }

    /// What the frozen model computes of a split's pairs, once.
    fn cache(
        &self,
        name: &str,
        solved: &SolvedPairs,
        storage: &Storage,
        observer: &mut dyn Observer,
    ) -> Result<Cache<'_>, Error> {
        let places = self.places(solved)?;
        let what = format!("filling the cache ({name})");
        let states = self.states(&what, std::slice::from_ref(&places), storage, observer)?;
        self.among_choices(states.cache(&places))
    }

    pub fn among_choices<'a>(&self, cache: Cache<'a>) -> Result<Cache<'a>, Error> {
        match &self.choices {
            None => Ok(cache),
            Some(choices) => cache.among(choices),
        }
    }

    /// Runs the frozen model on the pairs of all cells of a sweep, once.
    pub fn states(
        &self,
        what: &str,
        cells: &[Vec<LocatedPairs>],
        storage: &Storage,
        observer: &mut dyn Observer,
    ) -> Result<States<'_>, Error> {
        let mut begun = false;
        let states = States::fill(&self.model, cells, storage, &self.device, &mut |done, all| {
            if !std::mem::replace(&mut begun, true) {
                observer.begin(what, all);
            }
            observer.advance(done);
        })?;
        if begun {
            observer.end();
        }
        let megabytes = states.bytes() as f64 / 1e6;
        observer.note(&match states.level() {
            Level::Recompute => format!("{what}: the cache is computed anew for each batch"),
            level => format!("{what}: {megabytes:.0} MB ({level})"),
        });
        Ok(states)
    }
}

impl Network for LanguageNetwork {
    fn title(&self) -> String {
        self.recipe.name.clone()
    }

    fn phase(&self, name: &str) -> String {
        name.to_owned()
    }

    fn hypothesis(&self) -> &Hypothesis {
        &self.hypothesis
    }

    fn task_accuracy(&self) -> Result<Option<f64>, Error> {
        let test = &self.pairs.test;
        Ok(test.solved.map(|solved| solved as f64 / test.total as f64))
    }

    fn answers(&self) -> Vec<String> {
        self.choices.iter().flatten().map(|token| self.tokenizer.token(*token)).collect()
    }

    fn problem(&self, storage: &Storage, observer: &mut dyn Observer) -> Result<Box<dyn Problem + '_>, Error> {
        let mut caches = self.pairs.as_ref().map_named(|name, solved| self.cache(name, solved, storage, observer))?;
        let training = &self.recipe.training;
        let order = training.shuffle.then(|| rng(self.recipe.search_seed(), RandomStream::Order));
        let order = Batches::new(self.pairs.train.pairs.len(), training.batch, order);
        let validation = caches.validation.take();
        let problem = LanguageProblem::new(&self.model, &self.variables).with_training(caches.train, vec![order]);
        Ok(Box::new(problem.with_validation(validation).with_test(Some(caches.test))))
    }

    fn test_problem(&self, storage: &Storage, observer: &mut dyn Observer) -> Result<Box<dyn Problem + '_>, Error> {
        let test = self.cache("test", &self.pairs.test, storage, observer)?;
        Ok(Box::new(LanguageProblem::new(&self.model, &self.variables).with_test(Some(test))))
    }

    fn untrained(&self) -> Result<Box<dyn Network + '_>, Error> {
        Ok(Box::new(Self {
            recipe: self.recipe.clone(),
            folder: self.folder.clone(),
            model: Pretrained::untrained(&self.folder, self.recipe.seed, self.recipe.model.dtype, &self.device)?,
            pairs: self.pairs.clone(),
            variables: self.variables.clone(),
            hypothesis: self.hypothesis.clone(),
            choices: self.choices.clone(),
            tokenizer: self.tokenizer.clone(),
            device: self.device.clone(),
        }))
    }

    fn identity(&self) -> ModelIdentity {
        ModelIdentity::new(&self.model)
    }

    fn save(&self, folder: &Path, problem: &dyn Problem, candidate: &Candidate) -> Result<(), Error> {
        let (tokenizer, variables, pairs) = (&self.tokenizer, &self.variables[..], &self.pairs.test.pairs[..]);
        TestExamples { tokenizer, variables, pairs }.write(problem, candidate, folder)
    }
}

fn pairs_at(rows: &[EncodedRow], position: &Position) -> Result<Vec<Pair>, Error> {
    rows.iter().map(|row| row.pair(position)).collect()
}

fn check_sources(hypothesis: &Hypothesis, rows: &[EncodedRow]) -> Result<(), Error> {
    let reads = hypothesis.kind.needs() == Needs::Source;
    let wrong = rows.iter().map(EncodedRow::row).find(|row| row.sources.is_empty() == reads);
    wrong.map_or(Ok(()), |row| {
        let keys = if reads { "base, source and label" } else { "prompt and completion" };
        let problem = format!("a {} is trained on rows with {keys}", hypothesis.kind);
        Err(Error::Data { place: row.place.clone(), problem })
    })
}

fn answers(pair: &Pair) -> impl Iterator<Item = u32> {
    pair.labels.iter().copied().chain(pair.base_answer).chain(pair.source_answers.iter().copied().flatten())
}
