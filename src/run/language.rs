//! `train` on a language model.

use std::path::Path;
use std::time::Instant;

use burn::module::Module;
use burn::tensor::Device;

use super::config::{Config, ModelIdentity};
use super::examples;
use super::metrics::{Controls, Measured, Seconds, interval};
use super::prompts::Prompts;
use super::{Stream, rng};
use crate::alignment::evaluate::Scores;
use crate::alignment::search::{Logged, orthogonality_error, search};
use crate::alignment::{Batches, Cache};
use crate::error::Error;
use crate::interventions::AnyIntervention;
use crate::measure::median;
use crate::recipe::Recipe;
use crate::report::{Log, Progress};

/// What came of it, with loss and IIA over the steps.
pub struct Outcome {
    pub measured: Measured,
    pub loss: Vec<(usize, f64)>,
    pub iia: Vec<(usize, f64)>,
}

/// Fills the caches, searches, judges, and saves the intervention in the folder.
pub fn run(recipe: &Recipe, folder: &Path, log: &mut Log, device: &Device, quiet: bool) -> Result<Outcome, Error> {
    let started = Instant::now();
    let prompts = Prompts::open(recipe, device, quiet)?;
    let storage = recipe.cache.storage(folder)?;
    let train = prompts.cache("filling the cache", &prompts.train.pairs, &storage, device, quiet)?;
    let test = prompts.cache("filling the cache (test)", &prompts.test.pairs, &storage, device, quiet)?;
    let prepare = started.elapsed().as_secs_f64();

    let started = Instant::now();
    let (found, lines) = find(recipe, &prompts, &train, log, device, quiet)?;
    let seconds = started.elapsed().as_secs_f64();

    let started = Instant::now();
    let mut measured = judge(recipe, &prompts, &train, &test, &found, device)?;
    measured.steps = recipe.training.steps;
    measured.step_ms = median(lines.iter().map(|line| line.step_ms).collect());
    measured.seconds = Seconds { prepare, train: seconds, evaluate: started.elapsed().as_secs_f64() };
    measured.cache_bytes = Some(train.bytes() + test.bytes());

    let identity = ModelIdentity {
        kind: prompts.model.model_type().to_owned(),
        source: recipe.model.source.clone().unwrap_or_default(),
        width: prompts.model.dimensions().d_model,
        layers: prompts.model.dimensions().n_layers,
    };
    let position = Some(recipe.intervention.position.to_string());
    let width = prompts.target.width(&prompts.model);
    let config = Config::new(identity, &prompts.target, position, width, &prompts.partition, &found);
    config.save(folder, &found)?;
    examples::write(&prompts, &test, std::slice::from_ref(&found), folder)?;
    let curve = |value: fn(&Logged) -> f64| lines.iter().map(|line| (line.step, value(line))).collect();
    Ok(Outcome { measured, loss: curve(|l| l.loss), iia: curve(|l| l.iia) })
}

fn find(
    recipe: &Recipe,
    prompts: &Prompts,
    train: &Cache<'_>,
    log: &mut Log,
    device: &Device,
    quiet: bool,
) -> Result<(AnyIntervention, Vec<Logged>), Error> {
    let tracked = device.clone().autodiff();
    let start = prompts.start(recipe, &mut rng(recipe.seed, Stream::Rotation), &tracked)?;
    let groups = train.groups().into_iter().map(|(_, pairs)| pairs).collect();
    let order = recipe.training.shuffle.then(|| rng(recipe.seed, Stream::Order));
    let mut batches = Batches::new(groups, recipe.training.batch, order);
    let config = recipe.search();
    let mut progress = Progress::new("searching", config.steps, quiet);
    let mut lines = Vec::new();
    let mut next = || train.batch(&batches.draw());
    let mut found = search(&prompts.model, vec![start], &config, &mut next, &mut |line| {
        progress.update(line.step, line.loss, Some(line.iia));
        lines.push(*line);
        log.step("search", line.step, &values(line))
    })?;
    progress.finish();
    Ok((found.remove(0), lines))
}

/// IIA on the test pairs and its controls.
fn judge(
    recipe: &Recipe,
    prompts: &Prompts,
    train: &Cache<'_>,
    test: &Cache<'_>,
    found: &AnyIntervention,
    device: &Device,
) -> Result<Measured, Error> {
    let (names, one) = (&prompts.variables[..], std::slice::from_ref(found));
    let mut measured = Measured { orthogonality_error: orthogonality_error(found), ..Measured::default() };
    measured.set_iia(&test.iia(names, one)?);
    measured.iia_train = train.iia(names, one)?.overall().mean();
    let test_pairs = &prompts.test;
    measured.task_accuracy = test_pairs.solved.map(|solved| solved as f64 / test_pairs.of as f64);
    if let AnyIntervention::BoundlessRotatedSpace(boundless) = found {
        measured.hard_rank = Some(boundless.hard_rank());
        let hard = AnyIntervention::RotatedSpace(boundless.harden(device));
        measured.iia_hard = Some(test.iia(names, &[hard])?.overall().mean());
    }
    let none = test.no_intervention(names)?.overall();
    let full = test.full_swap(names)?.overall();
    let mut rotations = rng(recipe.seed, Stream::RandomRotations);
    let mut draws = Vec::new();
    for _ in 0..recipe.evaluation.random_rotations {
        let random = random(recipe, prompts, found, &mut rotations, device)?;
        draws.push((String::new(), test.iia(names, &[random])?.overall()));
    }
    let means: Vec<f64> = draws.iter().map(|(_, score)| score.mean()).collect();
    let all = [("no_intervention", none), ("full_swap", full), ("random_rotation", Scores(draws).overall())];
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

/// A random rotation that exchanges as many columns as what was found.
fn random(
    recipe: &Recipe,
    prompts: &Prompts,
    found: &AnyIntervention,
    rotations: &mut rand_chacha::ChaCha8Rng,
    device: &Device,
) -> Result<AnyIntervention, Error> {
    let width = prompts.target.width(&prompts.model);
    let rank = match found {
        AnyIntervention::BoundlessRotatedSpace(boundless) => boundless.hard_rank(),
        _ => prompts.rank,
    };
    if found.rotation().is_none() {
        return Ok(prompts.start(recipe, rotations, device)?.valid());
    }
    let r = crate::orthogonal::random(width, rank, rotations, device);
    let space = crate::interventions::RotatedSpace::new(crate::orthogonal::Rotation::manifold(r, device));
    Ok(AnyIntervention::RotatedSpace(space))
}

/// The IIA of a saved intervention on the recipe's test pairs, by the variables that they swap.
pub fn again(recipe: &Recipe, folder: &Path, device: &Device) -> Result<(Scores, AnyIntervention), Error> {
    let config = Config::read(folder)?;
    let found = config.intervention(folder, device)?;
    let prompts = Prompts::open(recipe, device, true)?;
    let (asked, there) = (config.target()?, &prompts.target);
    let fits = [prompts.target.width(&prompts.model), prompts.model.dimensions().d_model];
    if asked != *there || [config.width, config.model.width] != fits {
        let problem = format!(
            "config.json tells of {} rows of width {} in a model of width {}, recipe.toml of {}, {} and {}",
            asked.site, config.width, config.model.width, there.site, fits[0], fits[1]
        );
        return Err(Error::content(folder, problem));
    }
    let storage = recipe.cache.storage(&std::env::temp_dir())?;
    let test = prompts.cache("", &prompts.test.pairs, &storage, device, true)?;
    Ok((test.iia(&prompts.variables, std::slice::from_ref(&found))?, found))
}

fn values(line: &Logged) -> Vec<(&'static str, f64)> {
    let mut values = vec![
        ("loss", line.loss),
        ("iia", line.iia),
        ("learning_rate", line.learning_rate),
        ("orthogonality_error", line.orthogonality_error),
    ];
    values.extend(line.temperature.map(|value| ("temperature", value)));
    values.extend(line.taken.map(|value| ("taken", value)));
    values
}
