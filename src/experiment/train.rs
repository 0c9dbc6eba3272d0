//! `train`: carries a recipe out and leaves a run folder.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::folder;
use super::judge::{judge, untrained_control};
use super::open::{self, OpenedNetwork};
use super::session::{LOWER, Session};
use crate::alignment::search::{Logged, Rates, search};
use crate::alignment::{Problem, SearchResult};
use crate::error::Error;
use crate::interventions::{Kind, RateGroup};
use crate::measure::median;
use crate::recipe::Recipe;
use crate::report::{Column, Log, Observer, Series, curve};
use crate::saved::{Measured, Metrics, RunConfig, Seconds, interval};
use crate::{device, files, measure};

/// Carries the recipe out and returns the run folder: `out`, or `runs/<recipe>-<time>` where none is named.
///
/// `metrics.json` is written last: a folder with it holds a complete run.
///
/// ```no_run
/// use intervene::{experiment, recipe};
///
/// let recipe = recipe::open("hierarchical_equality_das_mlp", &["training.steps=200".parse()?])?;
/// let folder = experiment::train(&recipe, None, &mut ())?;
/// let evaluated = experiment::evaluate(&folder, &Default::default(), &mut ())?;
/// assert!(evaluated.iia > 0.5);
/// experiment::report(&[folder], None)?;
/// # Ok::<(), intervene::Error>(())
/// ```
pub fn train(recipe: &Recipe, out: Option<&Path>, observer: &mut dyn Observer) -> Result<PathBuf, Error> {
    let device = device::find_name(recipe.device, observer)?;
    let folder = out.map_or_else(|| folder::default_folder(&recipe.name), Path::to_owned);
    files::create_new_dir(&folder)?;
    folder::write_recipe(recipe, &folder)?;
    let mut session = Session { log: Some(Log::create(&folder)?), ..Session::new(recipe, &device, observer, &folder) };
    session.note_device();
    let mut metrics = Metrics { device: device::name(&device), seed: recipe.seed, ..Metrics::default() };
    let mut networks = Vec::new();
    open::each(&mut session, |session, opened| {
        networks.push(run(session, opened)?);
        Ok(())
    })?;
    metrics.measured = networks[0].measured.clone();
    metrics.contrast = networks.get(1).map(|network| network.measured.clone());
    let title = format!("{} (seed {})", recipe.name, recipe.seed);
    let curves: Vec<LearningCurve> = networks.iter().flat_map(NetworkResult::curves).collect();
    let series: Vec<Series<'_>> = curves.iter().map(|(name, loss, iia)| Series { name, loss, iia }).collect();
    curve(&folder.join("curve.png"), &title, &series)?;
    if let Some(mut log) = session.log.take() {
        log.events().text("recipe", &files::read_text(&folder.join("recipe.toml"))?, 0)?;
        log.finish()?;
    }
    metrics.peak_rss_bytes = measure::peak_rss_bytes();
    files::write_json(&folder.join("metrics.json"), &metrics)?;
    let columns: Vec<Column> = networks.iter().map(|network| network.measured.column(&network.title)).collect();
    session.observer.trained(&columns);
    Ok(folder)
}

struct NetworkResult {
    title: String,
    measured: Measured,
    lines: Vec<Logged>,
}

/// A name, and loss and IIA over the steps.
type LearningCurve = (String, Vec<(usize, f64)>, Vec<(usize, f64)>);

impl NetworkResult {
    /// The search's curve, and the validation's where there was more than one.
    fn curves(&self) -> Vec<LearningCurve> {
        let points = |value: fn(&Logged) -> Option<f64>| {
            self.lines.iter().filter_map(|line| Some((line.step, value(line)?))).collect::<Vec<_>>()
        };
        let mut curves = vec![(self.title.clone(), points(|line| Some(line.loss)), points(|line| Some(line.iia)))];
        let validation = points(|line| line.validated.map(|validated| validated.iia));
        if validation.len() > 1 {
            let loss = points(|line| line.validated.map(|validated| validated.loss));
            curves.push(("validation".to_owned(), loss, validation));
        }
        curves
    }
}

/// Searches one network, judges the result, and saves it.
fn run(session: &mut Session<'_>, opened: OpenedNetwork<'_>) -> Result<NetworkResult, Error> {
    let OpenedNetwork { network, folder, started } = opened;
    let task_accuracy = network.task_accuracy()?;
    let mut problem = network.problem(&session.storage(), session.observer)?;
    let prepare = started.elapsed().as_secs_f64();

    let started = Instant::now();
    let doing = format!("searching, {} pairs a step", session.recipe.training.batch);
    let (result, lines) = device::attempt(session.device, &doing, LOWER, || find(session, opened, problem.as_mut()))?;
    let seconds = started.elapsed().as_secs_f64();

    let started = Instant::now();
    let work = || judge(session, network, problem.as_ref(), &result.candidate);
    let mut measured = device::attempt(session.device, "evaluating on the test pairs", LOWER, work)?;
    let folder = session.folder.join(folder);
    if !folder.is_dir() {
        files::create_new_dir(&folder)?;
    }
    network.save(&folder, problem.as_ref(), &result.candidate)?;
    RunConfig::save_all(&network.configs(&result.candidate), &folder, &result.candidate.interventions)?;
    drop(problem);
    if session.recipe.evaluation.untrained_model {
        let doing = "searching an untrained model";
        let score = device::attempt(session.device, doing, LOWER, || untrained_control(session, network))?;
        measured.controls.untrained_model = Some(score.mean());
        measured.controls_interval.insert("untrained_model".to_owned(), interval(score));
    }
    measured.task_accuracy = task_accuracy;
    measured.iia_train = lines.last().map_or(0.0, |line| line.iia);
    measured.iia_validation = result.validated.map(|validated| validated.iia);
    (measured.steps, measured.kept_at, measured.stopped_early) = (result.steps, result.at, result.stopped_early);
    measured.step_ms = median(lines.iter().map(|line| line.step_ms).collect());
    measured.seconds = Seconds { prepare, train: seconds, evaluate: started.elapsed().as_secs_f64() };
    Ok(NetworkResult { title: network.title(), measured, lines })
}

fn find(
    session: &mut Session<'_>,
    OpenedNetwork { network, .. }: OpenedNetwork<'_>,
    problem: &mut dyn Problem,
) -> Result<(SearchResult, Vec<Logged>), Error> {
    let (start, config) = (session.start(network.hypothesis())?, session.recipe.search());
    let [search_phase, validation_phase] = ["search", "validation"].map(|name| network.phase(name));
    session.observer.begin(&network.phase("searching"), config.steps);
    let mut lines = Vec::new();
    let result = search(problem, start, &config, &mut |line| {
        session.observer.step(line.step, line.loss, Some(line.iia));
        if let Some(validated) = line.validated {
            session.observer.validated(validated.iia);
        }
        lines.push(*line);
        let Some(log) = &mut session.log else { return Ok(()) };
        if let Some(validated) = line.validated {
            log.step(&validation_phase, line.step, &[("iia", validated.iia), ("loss", validated.loss)])?;
        }
        log.step(&search_phase, line.step, &values(line, network.hypothesis().kind, &config.rates))
    })?;
    session.observer.end();
    Ok((result, lines))
}

fn values(line: &Logged, kind: Kind, rates: &Rates) -> Vec<(&'static str, f64)> {
    let mut values = vec![
        ("loss", line.loss),
        ("iia", line.iia),
        ("learning_rate", line.learning_rate),
        ("orthogonality_error", line.orthogonality_error),
    ];
    // All rates rise and fall together.
    let now = |rate: f64| rate * line.learning_rate / rates.rotation;
    let group = kind.info().trained.and_then(|trained| trained.group);
    values.extend(group.map(|group| (group.rate_name(), now(rates.for_group(group)))));
    values.extend(line.temperature.map(|value| ("temperature", value)));
    values.extend(line.taken.map(|value| (group.map_or("taken", RateGroup::penalty_name), value)));
    values
}
