//! The search of a group of cells: the same pairs for every cell, what the frozen model computes of them computed once.

use std::rc::Rc;
use std::time::Instant;

use super::axis::{Axes, Cell};
use super::cells::CellGroup;
use super::table::{Finished, Judged, Point};
use crate::alignment::evaluate::{Edit, Evaluation};
use crate::alignment::search::{Logged, search_together, unchanged};
use crate::alignment::{
    Batches, Cache, Candidate, LanguageProblem, LocatedPairs, Location, Problem, SearchResult, States,
};
use crate::alignment::{Score, Storage};
use crate::data::{Pair, Position};
use crate::device;
use crate::error::Error;
use crate::experiment::hypothesis::Hypothesis;
use crate::experiment::language::LanguageNetwork;
use crate::experiment::random::{RandomStream, rng};
use crate::experiment::session::{LOWER, Session};
use crate::recipe::Recipe;
use crate::saved::interval;
use crate::tasks::Split;

pub struct CellPairs {
    /// Each location with its position, in the order of the cells.
    locations: Vec<Location>,
    pairs: Vec<PositionPairs>,
}

/// The training and the validation pairs with the tokens of one position.
struct PositionPairs {
    position: Position,
    train: Rc<[Pair]>,
    validation: Rc<[Pair]>,
}

/// The frozen model, and what it computes of the pairs of all cells.
pub struct Searcher<'a> {
    network: &'a LanguageNetwork,
    pairs: &'a CellPairs,
    train: States<'a>,
    validation: States<'a>,
}

impl CellPairs {
    /// Checks that every cell is in the model, and that every pair has every position.
    pub fn new(recipe: &Recipe, axes: &Axes, network: &LanguageNetwork) -> Result<Self, Error> {
        let mut locations: Vec<Location> = Vec::new();
        for cell in axes.indices().into_iter().map(|index| axes.cell(index)) {
            let hypothesis = Hypothesis::new(&cell.recipe(recipe), &network.model, &network.variables);
            let mut hypothesis =
                hypothesis.map_err(|error| Error::Invalid(format!("sweep, {}: {error}", cell.title())))?;
            let location = hypothesis.locations.swap_remove(0);
            if locations.last() != Some(&location) {
                locations.push(location);
            }
        }
        let validation = network.pairs.validation.as_ref();
        let validation = validation.ok_or_else(|| Error::Invalid("a sweep chooses by validation pairs".to_owned()))?;
        let pairs = axes.positions.iter().map(|position| {
            let at = |solved| Ok::<Rc<[Pair]>, Error>(network.pairs_at(solved, position)?.into());
            let (train, validation) = (at(&network.pairs.train)?, at(validation)?);
            Ok(PositionPairs { position: position.clone(), train, validation })
        });
        Ok(Self { locations, pairs: pairs.collect::<Result<_, Error>>()? })
    }

    fn at(&self, location: &Location) -> &PositionPairs {
        let pairs = self.pairs.iter().find(|pairs| location.position.as_ref() == Some(&pairs.position));
        pairs.expect("every position of the sweep has its pairs")
    }
}

impl<'a> Searcher<'a> {
    /// Runs the frozen model on the pairs.
    ///
    /// It runs for all cells, also for those that are finished or searched elsewhere: what a cell is searched on is then
    /// the same to the last bit in every process.
    pub fn new(
        session: &mut Session<'_>,
        network: &'a LanguageNetwork,
        pairs: &'a CellPairs,
        storage: &Storage,
    ) -> Result<Self, Error> {
        let mut fill = |what: &str, split: fn(&PositionPairs) -> &Rc<[Pair]>| {
            let place = |location: &Location| {
                vec![LocatedPairs { location: location.clone(), pairs: split(pairs.at(location)).clone() }]
            };
            let places: Vec<_> = pairs.locations.iter().map(place).collect();
            network.states(what, &places, storage, session.observer)
        };
        let train = fill("filling the cache", |pairs| &pairs.train)?;
        let validation = fill("filling the cache (validation)", |pairs| &pairs.validation)?;
        Ok(Self { network, pairs, train, validation })
    }

    /// The problem of the cells at a location, with an order of the pairs for each.
    fn problem(&self, location: &Location, recipes: &[Recipe]) -> Result<LanguageProblem<'a>, Error> {
        let pairs = self.pairs.at(location);
        let cache = |states: &States<'a>, pairs: &Rc<[Pair]>| -> Result<Cache<'a>, Error> {
            let place = LocatedPairs { location: location.clone(), pairs: pairs.clone() };
            self.network.among_choices(states.cache(&[place]))
        };
        let order = |recipe: &Recipe| {
            let order = recipe.training.shuffle.then(|| rng(recipe.search_seed(), RandomStream::Order));
            Batches::new(pairs.train.len(), recipe.training.batch, order)
        };
        let orders = recipes.iter().map(order).collect();
        let problem = LanguageProblem::new(&self.network.model, &self.network.variables);
        let problem = problem.with_training(cache(&self.train, &pairs.train)?, orders);
        Ok(problem.with_validation(Some(cache(&self.validation, &pairs.validation)?)))
    }

    pub fn search(&self, session: &Session<'_>, group: &CellGroup) -> Result<Vec<Finished>, Error> {
        let started = Instant::now();
        let recipes: Vec<Recipe> = group.cells.iter().map(|cell| cell.searched(session.recipe)).collect();
        let hypothesis = |recipe| Hypothesis::new(recipe, &self.network.model, &self.network.variables);
        let hypotheses = recipes.iter().map(hypothesis).collect::<Result<Vec<Hypothesis>, Error>>()?;
        let mut problem = self.problem(&hypotheses[0].locations[0], &recipes)?;

        let tracked = session.device.clone().autodiff();
        let start = |(hypothesis, recipe): (&Hypothesis, &Recipe)| {
            hypothesis.start(&mut rng(recipe.search_seed(), RandomStream::Rotation), &tracked)
        };
        let starts = hypotheses.iter().zip(&recipes).map(start).collect::<Result<Vec<Candidate>, Error>>()?;
        let config = recipes[0].search();
        let mut curves: Vec<Vec<Point>> = vec![Vec::new(); starts.len()];
        let mut observe = |cell: usize, line: &Logged| {
            curves[cell].push(Point { step: line.step, loss: line.loss, iia: line.iia });
            Ok(())
        };
        let results = if problem.is_idle() {
            unchanged(&problem, &starts, &config)?
        } else {
            let doing = format!("searching {} cells at once", starts.len());
            let search = || search_together(&mut problem, starts, &config, &mut observe);
            device::attempt(session.device, &doing, LOWER, search)?
        };

        let seconds = started.elapsed().as_secs_f64() / group.cells.len() as f64;
        let mut finished = Vec::new();
        for (((cell, hypothesis), result), search) in group.cells.iter().zip(&hypotheses).zip(results).zip(curves) {
            let judged = match result {
                Ok(result) => Some(judge(session, hypothesis, &problem, &result)?),
                Err(Error::Diverged(_)) => None,
                Err(error) => return Err(error),
            };
            finished.push(Finished { cell: Cell::clone(cell), judged, search, seconds });
        }
        Ok(finished)
    }
}

/// The results of a cell on the validation pairs, which its search has measured, beside random rotations.
fn judge(
    session: &Session<'_>,
    hypothesis: &Hypothesis,
    problem: &dyn Problem,
    result: &SearchResult,
) -> Result<Judged, Error> {
    let validation = Evaluation::new(problem, Split::Validation).expect("a sweep's problem has validation pairs");
    let validated = result.validated.expect("a search with validation pairs is validated");
    let draws = session.recipe.sweep.as_ref().map_or(0, |sweep| sweep.random_rotations);
    let random = hypothesis.random(&result.candidate, draws, session.recipe.seed, session.device)?;
    let outcomes =
        validation.outcomes(&random.iter().map(|candidate| Edit::Candidate(candidate)).collect::<Vec<_>>(), None)?;
    let means = outcomes.iter().map(|outcomes| validation.scores(outcomes, |_| true).overall().mean());
    let random_rotation = means.sum::<f64>() / draws as f64;
    let hits = (validated.iia * validation.pairs() as f64).round() as usize;
    Ok(Judged {
        iia: validated.iia,
        iia_interval: interval(Score { hits, trials: validation.pairs() }),
        loss: validated.loss,
        hard_rank: hypothesis.hardened(&result.candidate, session.device).map(|(_, rank)| rank),
        random_rotation: (draws > 0).then_some(random_rotation),
        steps: result.steps,
    })
}
