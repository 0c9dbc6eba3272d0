//! `train` on a language model.

use std::path::{Path, PathBuf};
use std::time::Instant;

use burn::tensor::Device;

use super::aim::Spot;
use super::config::{Config, ModelIdentity};
use super::examples;
use super::metrics::{Completions, Controls, Disentangled, Measured, Seconds, interval};
use super::prompts::Prompts;
use super::splits::Splits;
use super::{LOWER, Stream, rng};
use crate::alignment::evaluate::{Edit, Scores};
use crate::alignment::search::{Logged, Validate, orthogonality_error, search_together};
use crate::alignment::{Batches, Cache, Candidate, Found, Rates, Target};
use crate::device;
use crate::error::Error;
use crate::interventions::{AnyIntervention, Kind, Needs, RateGroup};
use crate::measure::median;
use crate::recipe::Recipe;
use crate::report::{Log, Progress};

/// What came of it, and what was seen on the way.
pub struct Outcome {
    pub measured: Measured,
    pub lines: Vec<Logged>,
}

/// Fills the caches, searches, judges, and saves the intervention in the folder.
pub fn run(recipe: &Recipe, folder: &Path, log: &mut Log, device: &Device, quiet: bool) -> Result<Outcome, Error> {
    let started = Instant::now();
    let prompts = Prompts::open(recipe, device, quiet)?;
    let storage = recipe.cache.storage(folder)?;
    let caches = prompts
        .pairs
        .as_ref()
        .map(|name, kept| prompts.cache(&format!("filling the cache ({name})"), kept, &storage, device, quiet))?;
    let prepare = started.elapsed().as_secs_f64();

    let started = Instant::now();
    let doing = format!("searching, {} pairs a step", recipe.training.batch);
    let (found, lines) =
        device::attempt(device, &doing, LOWER, || find(recipe, &prompts, &caches, log, device, quiet))?;
    let seconds = started.elapsed().as_secs_f64();

    let started = Instant::now();
    let judge = || judge(recipe, &prompts, &caches.test, &found.candidate, device);
    let mut measured = device::attempt(device, "evaluating on the test pairs", LOWER, judge)?;
    measured.iia_train = lines.last().map_or(0.0, |line| line.iia);
    measured.iia_validation = found.validated.map(|validated| validated.iia);
    (measured.steps, measured.kept_at, measured.stopped_early) = (found.steps, found.at, found.stopped_early);
    measured.step_ms = median(lines.iter().map(|line| line.step_ms).collect());
    measured.seconds = Seconds { prepare, train: seconds, evaluate: started.elapsed().as_secs_f64() };
    measured.cache_bytes = Some(caches.iter().map(|(_, cache)| cache.bytes()).sum());

    let identity = ModelIdentity::of(&prompts.model);
    let config = |(spot, found): (&Spot, &AnyIntervention)| {
        let position = Some(spot.position.to_string());
        Config::new(identity.clone(), &spot.target, position, spot.width, &prompts.aim.partition, found)
    };
    let configs: Vec<Config> = prompts.aim.spots.iter().zip(&found.candidate.interventions).map(config).collect();
    Config::save_all(&configs, folder, &found.candidate.interventions)?;
    examples::write(&prompts, &caches.test, &found.candidate, folder)?;
    Ok(Outcome { measured, lines })
}

fn find(
    recipe: &Recipe,
    prompts: &Prompts,
    caches: &Splits<Cache<'_>>,
    log: &mut Log,
    device: &Device,
    quiet: bool,
) -> Result<(Found, Vec<Logged>), Error> {
    let tracked = device.clone().autodiff();
    let start = prompts.aim.start(recipe, &mut rng(recipe.search_seed(), Stream::Rotation), &tracked)?;
    let order = recipe.training.shuffle.then(|| rng(recipe.search_seed(), Stream::Order));
    let mut batches = Batches::new(caches.train.len(), recipe.training.batch, order);
    let config = recipe.search();
    let mut progress = Progress::new("searching", config.steps, quiet);
    let mut lines = Vec::new();
    let mut draw = |_: &[usize]| caches.train.batch(&batches.draw());
    let mut validate = caches.validation.as_ref().map(|cache| |candidates: &[&Candidate]| cache.validate(candidates));
    let validate = validate.as_mut().map(|validate| validate as &mut Validate<'_>);
    let mut found = search_together(&prompts.model, vec![start], &config, &mut draw, validate, &mut |_, line| {
        progress.update(line.step, line.loss, Some(line.iia));
        if let Some(validated) = line.validated {
            progress.validated(validated.iia);
            log.step("validation", line.step, &[("iia", validated.iia), ("loss", validated.loss)])?;
        }
        lines.push(*line);
        log.step("search", line.step, &values(line, prompts.aim.kind, &config.rates))
    })?;
    progress.finish();
    Ok((found.remove(0)?, lines))
}

/// IIA on the test pairs and its controls, all in one go.
fn judge(
    recipe: &Recipe,
    prompts: &Prompts,
    test: &Cache<'_>,
    found: &Candidate,
    device: &Device,
) -> Result<Measured, Error> {
    let mut measured =
        Measured { orthogonality_error: orthogonality_error(&found.interventions), ..Measured::default() };
    measured.task_accuracy = prompts.pairs.test.solved.map(|solved| solved as f64 / prompts.pairs.test.of as f64);
    let tokens = prompts.choices.iter().flatten();
    measured.answers = tokens.map(|token| prompts.tokenizer.token(*token)).collect();
    let (hard, rank) = prompts.aim.hardened(found, device).unzip();
    measured.hard_rank = rank;
    if prompts.aim.kind.needs() == Needs::Nothing {
        let [with, without] = test.validated(&[Edit::Found(found), Edit::Nothing])?[..] else {
            unreachable!("two edits")
        };
        measured.completions = Some(Completions { loss: with.loss, without: without.loss });
    }
    let mut rotations = rng(recipe.seed, Stream::RandomRotations);
    let random = (0..recipe.evaluation.random_rotations)
        .map(|_| prompts.aim.random(recipe, found, &mut rotations, device))
        .collect::<Result<Vec<Candidate>, Error>>()?;

    let edits = [Edit::Found(found), Edit::Nothing, Edit::Full].into_iter();
    let edits: Vec<Edit<'_>> = edits.chain(hard.iter().chain(&random).map(Edit::Found)).collect();
    let hits = test.hits(&edits)?;
    if recipe.training.isolation > 0.0 {
        let of = |keeps: bool| test.scores(&prompts.variables, &hits[0], |pair| pair.keeps_answer() == keeps);
        measured.disentangled = Disentangled::of(&of(false), &of(true));
    }
    let mut scores = hits.iter().map(|hits| test.scores(&prompts.variables, hits, |_| true));
    let mut next = || scores.next().expect("a score for each edit");
    measured.set_iia(&next());
    let (none, full) = (next().overall(), next().overall());
    measured.iia_hard = hard.map(|_| next().overall().mean());
    let draws = Scores(random.iter().map(|_| (String::new(), next().overall())).collect());
    let means: Vec<f64> = draws.0.iter().map(|(_, score)| score.mean()).collect();
    let all = [("no_intervention", none), ("full_swap", full), ("random_rotation", draws.overall())];
    measured.controls = Controls {
        no_intervention: none.mean(),
        full_swap: full.mean(),
        random_rotation: means.iter().sum::<f64>() / means.len() as f64,
        untrained_model: None,
    };
    measured.controls_interval = all.iter().map(|(key, score)| ((*key).to_owned(), interval(*score))).collect();
    measured.controls_draws = [("random_rotation".to_owned(), means)].into();
    Ok(measured)
}

/// The IIA of what a folder holds on the recipe's test pairs, by the variables that they swap.
pub fn again(recipe: &Recipe, folder: &Path, device: &Device) -> Result<(Scores, Vec<AnyIntervention>), Error> {
    let configs = Config::read_all(folder)?;
    let found = |(part, config): &(PathBuf, Config)| config.intervention(part, device);
    let found = configs.iter().map(found).collect::<Result<Vec<_>, Error>>()?;
    let prompts = Prompts::open(recipe, device, true)?;
    let spots = &prompts.aim.spots;
    if spots.len() != configs.len() {
        let problem = format!("holds {} interventions; the recipe names {} places", configs.len(), spots.len());
        return Err(Error::content(folder, problem));
    }
    let identity = ModelIdentity::of(&prompts.model);
    for ((part, config), spot) in configs.iter().zip(spots) {
        check_spot(&part.join("config.json"), config, spot, &identity)?;
    }
    let storage = recipe.cache.storage(&std::env::temp_dir())?;
    let test = prompts.cache("", &prompts.pairs.test, &storage, device, true)?;
    let candidate = Candidate { interventions: found.clone(), partition: prompts.aim.partition.clone() };
    Ok((test.iia(&prompts.variables, &candidate)?, found))
}

/// Is that intervention for that place of that model?
fn check_spot(place: &Path, config: &Config, spot: &Spot, model: &ModelIdentity) -> Result<(), Error> {
    config.check_model(place, model, spot.width)?;
    let asked = config.target()?;
    if asked != spot.target || config.width != spot.width {
        let target = |target: &Target| match &target.heads[..] {
            [] => target.site.to_string(),
            heads => format!("heads {heads:?} of {}", target.site),
        };
        let problem = format!(
            "the intervention is for {}, {} wide; the recipe names {}, {} wide",
            target(&asked),
            config.width,
            target(&spot.target),
            spot.width
        );
        return Err(Error::content(place, problem));
    }
    match config.rank.filter(|rank| *rank != spot.rank) {
        Some(rank) if !config.kind.parse::<Kind>().is_ok_and(|kind| kind.info().learns_rank()) => {
            let problem = format!("the intervention has rank {rank}, the recipe names rank {}", spot.rank);
            Err(Error::content(place, problem))
        }
        _ => Ok(()),
    }
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
