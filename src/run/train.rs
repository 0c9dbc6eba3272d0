//! `train`: runs a recipe and leaves a run folder.

use std::path::{Path, PathBuf};

use burn::tensor::Device;

use super::config::{Config, ModelIdentity};
use super::experiment::{Experiment, Outcome};
use super::metrics::{Measured, Metrics};
use super::{LOWER, language};
use crate::alignment::Target;
use crate::alignment::network::{Shape, Training};
use crate::alignment::search::Logged;
use crate::error::Error;
use crate::recipe::Recipe;
use crate::report::{Column, Log, Series, curve, table};
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
///
/// ```no_run
/// use intervene::{recipes, run};
///
/// let recipe = recipes::open("hierarchical_equality_das_mlp", &["training.steps=200".parse()?])?;
/// let folder = run::train(&recipe, &run::Options { out: None, quiet: true })?;
/// println!("IIA {:.3}", run::evaluate(&folder, None, None, None)?.iia);
/// println!("{}", run::report(&[folder], None)?.display());
/// # Ok::<(), intervene::Error>(())
/// ```
pub fn train(recipe: &Recipe, options: &Options) -> Result<PathBuf, Error> {
    let device = device::find(&recipe.device)?;
    let folder = options.out.clone().unwrap_or_else(|| default_folder(&recipe.name));
    files::create_new_dir(&folder)?;
    write_recipe(recipe, &folder)?;
    let mut log = Log::create(&folder)?;

    if !(options.quiet || device::is_cpu(&device)) {
        eprintln!("device: {}", device::describe(&device));
    }
    let mut metrics = Metrics { device: device::name(&device), seed: recipe.seed, ..Metrics::default() };
    let networks = if recipe.is_language() {
        let outcome = language::run(recipe, &folder, &mut log, &device, options.quiet)?;
        vec![Network { title: recipe.name.clone(), measured: outcome.measured, lines: outcome.lines }]
    } else {
        let doing = format!("training and searching an MLP, {} examples a step", recipe.training.batch);
        let work = || train_networks(recipe, &folder, &mut log, &device, options.quiet);
        device::attempt(&device, &doing, LOWER, work)?
    };
    metrics.measured = networks[0].measured.clone();
    metrics.contrast = networks.get(1).map(|network| network.measured.clone());
    let columns: Vec<Column> = networks.iter().map(|network| network.measured.column(&network.title)).collect();
    let title = format!("{} (seed {})", recipe.name, recipe.seed);
    let curves: Vec<Curve> = networks.iter().flat_map(Network::curves).collect();
    let series: Vec<Series<'_>> = curves.iter().map(|(name, loss, iia)| Series { name, loss, iia }).collect();
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

/// What is reported of a network.
struct Network {
    title: String,
    measured: Measured,
    lines: Vec<Logged>,
}

/// A name, and loss and IIA over the steps.
type Curve = (String, Vec<(usize, f64)>, Vec<(usize, f64)>);

impl Network {
    /// The search's, and beside it that of the validation where there was more than one.
    fn curves(&self) -> Vec<Curve> {
        let of = |value: fn(&Logged) -> Option<f64>| {
            self.lines.iter().filter_map(|line| Some((line.step, value(line)?))).collect::<Vec<_>>()
        };
        let mut curves = vec![(self.title.clone(), of(|line| Some(line.loss)), of(|line| Some(line.iia)))];
        let validation = of(|line| line.validated.map(|validated| validated.iia));
        if validation.len() > 1 {
            let loss = of(|line| line.validated.map(|validated| validated.loss));
            curves.push(("validation".to_owned(), loss, validation));
        }
        curves
    }
}

/// The recipe's MLP, and its contrast where it has one.
fn train_networks(
    recipe: &Recipe,
    folder: &Path,
    log: &mut Log,
    device: &Device,
    quiet: bool,
) -> Result<Vec<Network>, Error> {
    let task = recipe.feature_task()?;
    let mut networks = Vec::new();
    let main = Experiment::new(recipe, task.as_ref(), device, quiet)?;
    let contrast = Experiment::contrast(recipe, task.as_ref(), device, quiet)?;
    for (experiment, folder) in
        std::iter::once((main, folder.to_owned())).chain(contrast.map(|c| (c, folder.join("contrast"))))
    {
        let outcome = experiment.run(log)?;
        if !folder.is_dir() {
            files::create_new_dir(&folder)?;
        }
        save(&folder, &experiment, &outcome)?;
        let title = experiment.title();
        networks.push(Network { title, measured: outcome.measured, lines: outcome.lines });
    }
    Ok(networks)
}

/// `runs/<recipe>-<time>`, in UTC.
pub(super) fn default_folder(name: &str) -> PathBuf {
    let now = jiff::Timestamp::now().strftime("%Y%m%d-%H%M%S");
    Path::new("runs").join(format!("{name}-{now}"))
}

/// The recipe with every default and override in it, and the versions that ran it: it runs again as it is.
pub(super) fn write_recipe(recipe: &Recipe, folder: &Path) -> Result<(), Error> {
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
    let trained = "trained by the recipe".to_owned();
    let identity = ModelIdentity {
        kind: "mlp".to_owned(),
        source: experiment.weights.as_ref().map_or(trained, |path| path.display().to_string()),
        revision: None,
        width: outcome.model.width(),
        layers: outcome.model.layers.len(),
    };
    let target = Target { site: experiment.site, heads: Vec::new() };
    let width = outcome.model.width();
    Config::save_mlp(folder, &outcome.model)?;
    let found = &outcome.found.interventions[0];
    Config::new(identity, &target, None, width, &experiment.partition, found).save(folder, found)
}

impl<'a> Experiment<'a> {
    /// What a recipe asks of its network.
    pub fn new(recipe: &Recipe, task: &'a dyn FeatureTask, device: &'a Device, quiet: bool) -> Result<Self, Error> {
        let (model, asked) = (&recipe.model, &recipe.intervention);
        Ok(Self {
            name: "network",
            task,
            seed: recipe.seed,
            search_seed: recipe.search_seed(),
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
