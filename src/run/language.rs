//! `train` on a language model.

use std::path::Path;
use std::time::Instant;

use burn::tensor::Device;

use super::config::{Config, ModelIdentity};
use super::examples;
use super::metrics::{Controls, Disentangled, Measured, Seconds, interval};
use super::prompts::Prompts;
use super::splits::Splits;
use super::{LOWER, Stream, rng};
use crate::alignment::evaluate::{Edit, Scores};
use crate::alignment::search::{Logged, Validate, orthogonality_error, search_together};
use crate::alignment::{Batches, Cache, Candidate, Found, Target};
use crate::device;
use crate::error::Error;
use crate::interventions::AnyIntervention;
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
    let caches = prompts.pairs.as_ref().map(|name, kept| {
        prompts.cache(&format!("filling the cache ({name})"), &kept.pairs, &storage, device, quiet)
    })?;
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
    let position = Some(recipe.intervention.position.to_string());
    let (aim, first) = (&prompts.aim, &found.candidate.interventions[0]);
    Config::new(identity, &aim.target, position, aim.width, &aim.partition, first).save(folder, first)?;
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
        log.step("search", line.step, &values(line))
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
    let mut hard = None;
    if let AnyIntervention::BoundlessRotatedSpace(boundless) = &found.interventions[0] {
        measured.hard_rank = Some(boundless.hard_rank());
        hard = Some(prompts.aim.space(boundless.harden(device))?);
    }
    let mut rotations = rng(recipe.seed, Stream::RandomRotations);
    let random = (0..recipe.evaluation.random_rotations)
        .map(|_| prompts.aim.random(recipe, measured.hard_rank, &mut rotations, device))
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

/// The IIA of a saved intervention on the recipe's test pairs, by the variables that they swap.
pub fn again(recipe: &Recipe, folder: &Path, device: &Device) -> Result<(Scores, AnyIntervention), Error> {
    let config = Config::read(folder)?;
    let found = config.intervention(folder, device)?;
    let prompts = Prompts::open(recipe, device, true)?;
    let (place, there) = (folder.join("config.json"), &prompts.aim.target);
    let width = prompts.aim.width;
    config.check_model(&place, &ModelIdentity::of(&prompts.model), width)?;
    let asked = config.target()?;
    if asked != *there || config.width != width {
        let target = |target: &Target| match &target.heads[..] {
            [] => target.site.to_string(),
            heads => format!("heads {heads:?} of {}", target.site),
        };
        let problem = format!(
            "the intervention is for {}, {} wide; the recipe names {}, {width} wide",
            target(&asked),
            config.width,
            target(there)
        );
        return Err(Error::content(&place, problem));
    }
    if let (Some(found), Some(asked)) = (config.rank, recipe.intervention.rank)
        && found != asked
    {
        return Err(Error::content(
            &place,
            format!("the intervention has rank {found}, the recipe names rank {asked}"),
        ));
    }
    let storage = recipe.cache.storage(&std::env::temp_dir())?;
    let test = prompts.cache("", &prompts.pairs.test.pairs, &storage, device, true)?;
    let candidate = Candidate { interventions: vec![found.clone()], partition: prompts.aim.partition.clone() };
    Ok((test.iia(&prompts.variables, &candidate)?, found))
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
