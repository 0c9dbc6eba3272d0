//! `evaluate`: reads a run folder back and measures its IIA again.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::network::Network;
use super::open;
use super::session::Session;
use crate::alignment::evaluate::Evaluation;
use crate::alignment::search::orthogonality_error;
use crate::alignment::{Candidate, Scores};
use crate::error::Error;
use crate::interventions::AnyIntervention;
use crate::recipe::{Override, Recipe};
use crate::report::{Column, Observer, TableRow, table};
use crate::saved::{Measured, Metrics, ModelIdentity, RunConfig};
use crate::tasks::Split;
use crate::{device, files, hub};

/// What a run folder's intervention does on the run's held-out pairs.
#[derive(Debug, Serialize)]
pub struct Evaluated {
    /// The IIA, measured now.
    pub iia: f64,
    /// Its 95% interval.
    pub iia_interval: [f64; 2],
    /// The IIA of each swap, measured now.
    pub iia_by_variable: std::collections::BTreeMap<String, f64>,
    /// The largest entry of |RᵀR − I| of R as it was read.
    pub orthogonality_error: f64,
    /// The IIA in the run's `metrics.json`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorded_iia: Option<f64>,
    /// The contrast network's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contrast: Option<Box<Evaluated>>,
}

/// What [`evaluate`] does otherwise than the run did.
#[derive(Clone, Debug, Default)]
pub struct EvaluateOptions {
    /// The recipe whose pairs an intervention is evaluated on that no run left in the folder, such as an imported one.
    pub recipe: Option<Recipe>,
    /// Another place of the same language model: a checkpoint folder, or its name on the Hub.
    pub model: Option<String>,
    /// Another device than the run's.
    pub device: Option<String>,
}

/// Reads a run folder, or one of the Hub by its name, and evaluates its interventions on the run's test pairs, on the run's
/// device. A model of the Hub is taken at the commit of the run.
pub fn evaluate(folder: &Path, options: &EvaluateOptions, observer: &mut dyn Observer) -> Result<Evaluated, Error> {
    let folder = hub::folder(folder, observer)?;
    let (mut recipe, recorded) = match &options.recipe {
        Some(recipe) => (recipe.clone(), None),
        None => {
            let metrics = Metrics::read(&folder)?;
            (own_recipe(&folder, options.device.as_deref().unwrap_or(&metrics.device))?, Some(metrics))
        }
    };
    let device = match &options.device {
        Some(name) => device::find(name, observer)?,
        None => device::find_name(recipe.device, observer)?,
    };
    let configs = RunConfig::read_all(&folder)?;
    if recipe.model.source.is_some() {
        let source = options.model.clone().or_else(|| configs[0].1.model.on_the_hub());
        recipe.model.source = source.or(recipe.model.source);
    } else if options.model.is_some() {
        return Err(Error::Invalid("--model is a language model; this recipe's network is in the folder".to_owned()));
    }
    let measured = |contrast: bool| match (&recorded, contrast) {
        (Some(metrics), false) => Some(metrics.measured.iia),
        (Some(metrics), true) => metrics.contrast.as_ref().map(|contrast| contrast.iia),
        (None, _) => None,
    };
    let recorded = [measured(false), measured(true)];
    if recorded[1].is_none() {
        recipe.contrast = None;
    }
    let mut session = Session::new(&recipe, &device, observer, &std::env::temp_dir());
    session.trained = Some(folder.clone());
    let mut all = Vec::new();
    open::each(&mut session, |session, opened| {
        let evaluated = one(session, opened.network, &folder.join(opened.folder), recorded[all.len()])?;
        all.push(evaluated);
        Ok(())
    })?;
    let contrast = (all.len() > 1).then(|| Box::new(all.remove(1)));
    Ok(Evaluated { contrast, ..all.remove(0) })
}

/// The recipe of a run folder, on a device. Where it names a file of a network's weights, the folder's own copy
/// takes its place: the file may be on another machine.
fn own_recipe(folder: &Path, device: &str) -> Result<Recipe, Error> {
    let path = folder.join("recipe.toml");
    let table: toml::Table = crate::places::parse(&files::read_text(&path)?, &path)?;
    let mut set = vec![Override::new("device", device.to_owned())];
    if table.get("model").and_then(|model| model.get("weights")).is_some() {
        let weights = crate::saved::mlp_file(folder).display().to_string();
        set.push(Override::new("model.weights", weights));
    }
    Recipe::load(&path, &set)
}

fn one(
    session: &mut Session<'_>,
    network: &dyn Network,
    folder: &Path,
    recorded_iia: Option<f64>,
) -> Result<Evaluated, Error> {
    let configs = RunConfig::read_all(folder)?;
    let (hypothesis, identity) = (network.hypothesis(), network.identity());
    if hypothesis.locations.len() != configs.len() {
        let (there, wanted) = (configs.len(), hypothesis.locations.len());
        let problem = format!("holds {there} interventions; the recipe names {wanted} places");
        return Err(Error::content(folder, problem));
    }
    let mut interventions = Vec::new();
    for (at, (part, config)) in configs.iter().enumerate() {
        check(part, config, network, &identity, at)?;
        interventions.push(config.intervention(part, session.device)?);
        check_rank(part, config, hypothesis.sizes[at][1])?;
    }
    let problem = network.test_problem(&session.storage(), session.observer)?;
    let candidate = Candidate { interventions, partition: hypothesis.partition.clone() };
    let test = Evaluation::new(problem.as_ref(), Split::Test).expect("a recipe's problem has test pairs");
    Ok(Evaluated::new(&test.iia(&candidate)?, &candidate.interventions, recorded_iia))
}

fn check(
    folder: &Path,
    config: &RunConfig,
    network: &dyn Network,
    identity: &ModelIdentity,
    at: usize,
) -> Result<(), Error> {
    let place: PathBuf = folder.join("config.json");
    let hypothesis = network.hypothesis();
    let (location, [width, _]) = (&hypothesis.locations[at], hypothesis.sizes[at]);
    config.check_model(&place, identity, width)?;
    let saved = config.location()?;
    if !saved.is_at(location) || config.width != width {
        let problem = format!(
            "the intervention is for {saved}, {} wide; the recipe names {location}, {width} wide",
            config.width
        );
        return Err(Error::content(&place, problem));
    }
    Ok(())
}

/// Checks that an intervention has the recipe's rank, unless it learned its own.
fn check_rank(folder: &Path, config: &RunConfig, rank: usize) -> Result<(), Error> {
    match config.rank.filter(|own| *own != rank) {
        Some(own) if !config.kind.info().learns_rank() => {
            let problem = format!("the intervention has rank {own}, the recipe names rank {rank}");
            Err(Error::content(&folder.join("config.json"), problem))
        }
        _ => Ok(()),
    }
}

impl Evaluated {
    fn new(scores: &Scores, found: &[AnyIntervention], recorded_iia: Option<f64>) -> Self {
        let mut measured = Measured::default();
        measured.set_iia(scores);
        Self {
            iia: measured.iia,
            iia_interval: measured.iia_interval,
            iia_by_variable: measured.iia_by_variable,
            orthogonality_error: orthogonality_error(found),
            recorded_iia,
            contrast: None,
        }
    }

    /// A column for each network.
    #[must_use]
    pub fn table(&self) -> String {
        let column = |name: &str, of: &Self| {
            let [low, high] = of.iia_interval;
            let mut rows = vec![TableRow::new("IIA", "overall", of.iia, Some((low, high)))];
            rows.extend(of.iia_by_variable.iter().map(|(name, value)| TableRow::new("IIA", name, *value, None)));
            rows.extend(of.recorded_iia.map(|recorded| TableRow::new("IIA", "in metrics.json", recorded, None)));
            rows.push(TableRow::new(" ", "orthogonality error", of.orthogonality_error, None));
            Column { name: name.to_owned(), rows }
        };
        let mut columns = vec![column("network", self)];
        columns.extend(self.contrast.as_deref().map(|contrast| column("contrast", contrast)));
        table(&columns)
    }
}
