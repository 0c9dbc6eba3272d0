//! The search of a place's cells: the same pairs for every cell, what the frozen model makes of them computed once.

use std::rc::Rc;
use std::time::Instant;

use burn::tensor::Device;

use super::cells::{self, Axes};
use super::table::{Finished, Judged, Point};
use crate::alignment::evaluate::{Edit, Score};
use crate::alignment::search::{Logged, Validate, search_together};
use crate::alignment::{Batches, Cache, Candidate, Found, Place, States, Storage, Target};
use crate::data::{Pair, Position};
use crate::device;
use crate::error::Error;
use crate::recipe::Recipe;
use crate::run::aim::Aim;
use crate::run::metrics::interval;
use crate::run::prompts::Prompts;
use crate::run::{LOWER, Stream, rng};

/// The sites and the pairs of all cells.
pub struct Grounds {
    /// Each position with each site, in the order of the cells.
    sites: Vec<(Position, Target)>,
    pairs: Vec<Pairs>,
}

/// The pairs to train on and to choose the best cell by, with the tokens of one position.
struct Pairs {
    position: Position,
    train: Rc<[Pair]>,
    validation: Rc<[Pair]>,
}

/// The frozen model, and what it makes of the pairs of all cells.
pub struct Searcher<'a> {
    recipe: &'a Recipe,
    device: &'a Device,
    prompts: &'a Prompts,
    grounds: &'a Grounds,
    train: States<'a>,
    validation: States<'a>,
}

impl Grounds {
    /// Checks that every cell is in the model, and that every pair has every position.
    pub fn of(recipe: &Recipe, axes: &Axes, prompts: &Prompts) -> Result<Self, Error> {
        let mut sites: Vec<(Position, Target)> = Vec::new();
        for cell in axes.indices().into_iter().map(|index| axes.cell(index)) {
            let aim = Aim::of(&cell.recipe(recipe), &prompts.model, &prompts.variables);
            let aim = aim.map_err(|error| Error::Invalid(format!("sweep, {}: {error}", cell.title())))?;
            let site = (cell.position, aim.spots[0].target.clone());
            if sites.last() != Some(&site) {
                sites.push(site);
            }
        }
        let validation = prompts.pairs.validation.as_ref();
        let validation = validation.ok_or_else(|| Error::Invalid("a sweep chooses by validation pairs".to_owned()))?;
        let pairs = axes.positions.iter().map(|position| {
            let at = |kept| Ok::<Rc<[Pair]>, Error>(prompts.pairs_at(kept, position)?.into());
            let (train, validation) = (at(&prompts.pairs.train)?, at(validation)?);
            Ok(Pairs { position: position.clone(), train, validation })
        });
        Ok(Self { sites, pairs: pairs.collect::<Result<_, Error>>()? })
    }

    fn at(&self, position: &Position) -> &Pairs {
        let pairs = self.pairs.iter().find(|pairs| pairs.position == *position);
        pairs.expect("every position of the sweep has its pairs")
    }
}

impl<'a> Searcher<'a> {
    /// Runs the frozen model on the pairs.
    ///
    /// It is run for all cells, also for those that are finished or searched elsewhere: what a cell is searched on is then
    /// the same to the last bit in every process.
    pub fn new(
        recipe: &'a Recipe,
        prompts: &'a Prompts,
        grounds: &'a Grounds,
        storage: &Storage,
        device: &'a Device,
        quiet: bool,
    ) -> Result<Self, Error> {
        let fill = |what: &str, of: fn(&Pairs) -> &Rc<[Pair]>| {
            let place = |(position, target): &(Position, Target)| {
                vec![Place { target: target.clone(), pairs: of(grounds.at(position)).clone() }]
            };
            let places: Vec<_> = grounds.sites.iter().map(place).collect();
            prompts.states(what, &places, storage, device, quiet)
        };
        let train = fill("filling the cache", |pairs| &pairs.train)?;
        let validation = fill("filling the cache (validation)", |pairs| &pairs.validation)?;
        Ok(Self { recipe, device, prompts, grounds, train, validation })
    }

    /// What the frozen model makes of the training and the validation pairs at a place.
    fn caches(&self, position: &Position, target: &Target) -> Result<[Cache<'a>; 2], Error> {
        let pairs = self.grounds.at(position);
        let cache = |states: &States<'a>, pairs: &Rc<[Pair]>| {
            self.prompts.asking(states.cache(&[Place { target: target.clone(), pairs: pairs.clone() }]))
        };
        Ok([cache(&self.train, &pairs.train)?, cache(&self.validation, &pairs.validation)?])
    }

    /// Searches the cells of a place, all in one pass.
    pub fn search(&self, place: &cells::Place) -> Result<Vec<Finished>, Error> {
        let started = Instant::now();
        let recipes: Vec<Recipe> = place.cells.iter().map(|cell| cell.searched(self.recipe)).collect();
        let aim = |recipe| Aim::of(recipe, &self.prompts.model, &self.prompts.variables);
        let aims = recipes.iter().map(aim).collect::<Result<Vec<Aim>, Error>>()?;
        let [train, validation] = self.caches(&place.cells[0].position, &aims[0].spots[0].target)?;

        let tracked = self.device.clone().autodiff();
        let start = |(aim, recipe): (&Aim, &Recipe)| {
            aim.start(recipe, &mut rng(recipe.search_seed(), Stream::Rotation), &tracked)
        };
        let starts = aims.iter().zip(&recipes).map(start).collect::<Result<Vec<Candidate>, Error>>()?;
        let batches = |recipe: &Recipe| {
            let order = recipe.training.shuffle.then(|| rng(recipe.search_seed(), Stream::Order));
            Batches::new(train.len(), recipe.training.batch, order)
        };
        let mut batches: Vec<Batches> = recipes.iter().map(batches).collect();
        let mut draw = |searched: &[usize]| {
            train.batch(&searched.iter().flat_map(|cell| batches[*cell].draw()).collect::<Vec<_>>())
        };
        let mut validate = |candidates: &[&Candidate]| validation.validate(candidates);
        let (model, config) = (&self.prompts.model, recipes[0].search());
        let mut searches: Vec<Vec<Point>> = vec![Vec::new(); starts.len()];
        let mut observe = |cell: usize, line: &Logged| {
            searches[cell].push(Point { step: line.step, loss: line.loss, iia: line.iia });
            Ok(())
        };
        let found = if [&train, &validation].iter().all(|cache| cache.pairs().iter().all(idle)) {
            unsearched(starts, &mut validate)?
        } else {
            let doing = format!("searching {} cells at once", starts.len());
            device::attempt(self.device, &doing, LOWER, || {
                search_together(model, starts, &config, &mut draw, Some(&mut validate), &mut observe)
            })?
        };

        let seconds = started.elapsed().as_secs_f64() / place.cells.len() as f64;
        let mut finished = Vec::new();
        for ((((cell, recipe), aim), found), search) in
            place.cells.iter().zip(&recipes).zip(&aims).zip(found).zip(searches)
        {
            let judged = match found {
                Ok(found) => Some(self.judge(recipe, aim, &found, &validation)?),
                Err(Error::Diverged(_)) => None,
                Err(error) => return Err(error),
            };
            finished.push(Finished { cell: cell.clone(), judged, search, seconds });
        }
        Ok(finished)
    }

    fn judge(&self, recipe: &Recipe, aim: &Aim, found: &Found, validation: &Cache<'_>) -> Result<Judged, Error> {
        let validated = found.validated.expect("there are validation pairs");
        let hard_rank = aim.hardened(&found.candidate, self.device).map(|(_, rank)| rank);
        let draws = self.recipe.sweep.as_ref().map_or(0, |sweep| sweep.random_rotations);
        let hits = (validated.iia * validation.len() as f64).round() as usize;
        Ok(Judged {
            iia: validated.iia,
            iia_interval: interval(Score { hits, trials: validation.len() }),
            loss: validated.loss,
            hard_rank,
            random_rotation: self.random(recipe, aim, &found.candidate, draws, validation)?,
            steps: found.steps,
        })
    }

    /// The IIA of so many random rotations together; none of none.
    fn random(
        &self,
        recipe: &Recipe,
        aim: &Aim,
        found: &Candidate,
        draws: usize,
        validation: &Cache<'_>,
    ) -> Result<Option<f64>, Error> {
        let mut rotations = rng(recipe.seed, Stream::RandomRotations);
        let random = (0..draws).map(|_| aim.random(recipe, found, &mut rotations, self.device));
        let random = random.collect::<Result<Vec<Candidate>, Error>>()?;
        let scores = validation.score(&self.prompts.variables, &random.iter().map(Edit::Found).collect::<Vec<_>>())?;
        let mean = scores.iter().map(|scores| scores.overall().mean()).sum::<f64>() / draws as f64;
        Ok((draws > 0).then_some(mean))
    }
}

/// Are the sources' rows the base's own, for the prompts are the same up to there? What moves the base's rows towards them
/// then changes nothing.
fn idle(pair: &Pair) -> bool {
    !pair.sources.is_empty()
        && pair.sources.iter().all(|(_, source)| {
            let read = source.positions.iter().max().map_or(0, |last| last + 1);
            source.positions == pair.base.positions && source.tokens[..read] == pair.base.tokens[..read]
        })
}

/// What a search ends with that cannot find anything: what it began with.
fn unsearched(starts: Vec<Candidate>, validate: &mut Validate<'_>) -> Result<Vec<Result<Found, Error>>, Error> {
    let starts: Vec<Candidate> = starts.iter().map(Candidate::valid).collect();
    let validated = validate(&starts.iter().collect::<Vec<_>>())?;
    let found = |(candidate, validated)| {
        Ok(Found { candidate, at: 0, steps: 0, stopped_early: false, validated: Some(validated) })
    };
    Ok(starts.into_iter().zip(validated).map(found).collect())
}
