//! `train`: runs a recipe and leaves a run folder.

use std::path::{Path, PathBuf};

use burn::tensor::Device;

use super::config;
use super::experiment::{Experiment, Outcome};
use super::metrics::Metrics;
use crate::alignment::network::{Shape, Training};
use crate::error::Error;
use crate::recipe::Recipe;
use crate::report::{Log, Series, curve, table};
use crate::tasks::FeatureTask;
use crate::{device, files, measure};

/// How a run is run.
pub struct Options {
    /// The run folder; `runs/<recipe>-<time>` where none is given.
    pub out: Option<PathBuf>,
    /// No progress, no table.
    pub quiet: bool,
}

/// Runs the recipe and gives back the run folder.
///
/// `metrics.json` is written last: a folder with it is a whole run.
pub fn train(recipe: &Recipe, options: &Options) -> Result<PathBuf, Error> {
    let device = device::find(&recipe.device)?;
    let task = recipe.feature_task()?;
    let folder = options.out.clone().unwrap_or_else(|| default_folder(&recipe.name));
    files::create_new_dir(&folder)?;
    write_recipe(recipe, &folder)?;
    let mut log = Log::create(&folder)?;

    let main = Experiment::new(recipe, task.as_ref(), &device, options.quiet)?;
    let outcome = main.run(&mut log)?;
    save(&folder, &main, &outcome)?;
    let mut metrics = Metrics {
        measured: outcome.measured.clone(),
        device: device::name(&device),
        seed: recipe.seed,
        ..Metrics::default()
    };
    let mut columns = vec![outcome.measured.column(&main.title())];
    let mut series = vec![(main.title(), outcome.loss, outcome.iia)];
    if let Some(contrast) = Experiment::contrast(recipe, task.as_ref(), &device, options.quiet)? {
        let outcome = contrast.run(&mut log)?;
        let folder = folder.join("contrast");
        files::create_new_dir(&folder)?;
        save(&folder, &contrast, &outcome)?;
        columns.push(outcome.measured.column(&contrast.title()));
        metrics.contrast = Some(outcome.measured);
        series.push((contrast.title(), outcome.loss, outcome.iia));
    }
    let title = format!("{} (seed {})", recipe.name, recipe.seed);
    let series: Vec<Series<'_>> = series.iter().map(|(name, loss, iia)| Series { name, loss, iia }).collect();
    curve(&folder.join("curve.png"), &title, &series)?;
    log.events().text("recipe", &files::read_text(&folder.join("recipe.toml"))?, 0)?;
    log.finish()?;
    metrics.peak_rss_bytes = measure::peak_rss_bytes();
    files::write_json(&folder.join("metrics.json"), &metrics)?;
    if !options.quiet {
        println!("{}", table(&columns));
    }
    Ok(folder)
}

/// `runs/<recipe>-<time>`, in UTC.
fn default_folder(name: &str) -> PathBuf {
    let now = jiff::Timestamp::now().strftime("%Y%m%d-%H%M%S");
    Path::new("runs").join(format!("{name}-{now}"))
}

/// The recipe with every default and override in it, and the versions that ran it: it runs again as it is.
fn write_recipe(recipe: &Recipe, folder: &Path) -> Result<(), Error> {
    let mut resolved = recipe.clone();
    resolved.versions = [("intervene", env!("CARGO_PKG_VERSION")), ("burn", "0.22.1")]
        .map(|(name, version)| (name.to_owned(), version.to_owned()))
        .into();
    let path = folder.join("recipe.toml");
    let text =
        toml::to_string(&resolved).map_err(|error| Error::content(&path, format!("cannot be written: {error}")))?;
    files::write(&path, text.as_bytes())
}

fn save(folder: &Path, experiment: &Experiment<'_>, outcome: &Outcome) -> Result<(), Error> {
    let source = experiment
        .weights
        .as_ref()
        .map_or_else(|| "trained by the recipe".to_owned(), |path| path.display().to_string());
    let rotation = outcome.found.rotation().expect("a rotated space has a rotation");
    let config = config::Config::new(&outcome.model, source, experiment.site, &experiment.partition, rotation);
    config::save(folder, &config, &outcome.model, rotation)
}

impl<'a> Experiment<'a> {
    /// What a recipe asks of its network.
    pub fn new(recipe: &Recipe, task: &'a dyn FeatureTask, device: &'a Device, quiet: bool) -> Result<Self, Error> {
        let (model, asked) = (&recipe.model, &recipe.intervention);
        Ok(Self {
            name: "network",
            task,
            seed: recipe.seed,
            device,
            quiet,
            shape: Shape { width: model.width, n_layers: model.layers },
            weights: model.weights.clone(),
            network: Training {
                steps: model.training.steps,
                batch: model.training.batch,
                learning_rate: model.training.learning_rate,
                weight_decay: model.training.weight_decay,
                l1: model.training.l1,
            },
            site: asked.component.parse::<crate::tap::Component>()?.at(asked.layer),
            partition: recipe.partition(&asked.partition, model.width, &task.aligned())?,
            orthogonal: recipe.orthogonal()?,
            search: recipe.search(),
            batch: recipe.training.batch,
            pairs: recipe.evaluation.pairs,
            random_rotations: recipe.evaluation.random_rotations,
            untrained_model: recipe.evaluation.untrained_model,
        })
    }

    /// What it asks of the contrast network, if it has one.
    pub fn contrast(
        recipe: &Recipe,
        task: &'a dyn FeatureTask,
        device: &'a Device,
        quiet: bool,
    ) -> Result<Option<Self>, Error> {
        let Some(contrast) = &recipe.contrast else { return Ok(None) };
        let mut experiment = Self::new(recipe, task, device, quiet)?;
        experiment.name = "contrast";
        experiment.shape.width = contrast.width;
        experiment.network.l1 = contrast.l1;
        experiment.network.weight_decay = contrast.weight_decay;
        experiment.partition = recipe.partition(&contrast.partition, contrast.width, &task.aligned())?;
        Ok(Some(experiment))
    }

    /// The heading of its column and its curve.
    fn title(&self) -> String {
        let penalised = self.weights.is_none() && self.network.l1 > 0.0;
        let how = if self.weights.is_some() {
            "given"
        } else if penalised {
            "sparse"
        } else {
            "no penalty"
        };
        format!("{} (width {}, {how})", self.name, self.shape.width)
    }
}
