//! `evaluate`: reads a run folder back and measures its IIA again.

use std::path::Path;

use serde::Serialize;

use super::config::Config;
use super::experiment::Experiment;
use super::language;
use super::metrics::{Measured, Metrics};
use crate::alignment::Candidate;
use crate::alignment::evaluate::Scores;
use crate::alignment::search::orthogonality_error;
use crate::error::Error;
use crate::interventions::AnyIntervention;
use crate::recipe::{Override, Recipe};
use crate::report::table;
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
    /// What the run's `metrics.json` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorded_iia: Option<f64>,
    /// The contrast network's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contrast: Option<Box<Evaluated>>,
}

/// Reads a run folder, or one of the Hub by its name, and evaluates its intervention on the same held-out pairs, on the
/// run's device. A model of the Hub is taken at the commit of the run.
///
/// `device` is another device than the run's.
///
/// With a recipe, an intervention that no run left here (an imported one, say) is evaluated on the recipe's pairs. `model`
/// is another place of the same model.
pub fn evaluate(
    folder: &Path,
    recipe: Option<Recipe>,
    model: Option<&str>,
    device: Option<&str>,
) -> Result<Evaluated, Error> {
    let folder = &hub::folder(folder)?;
    let (mut recipe, recorded) = match recipe {
        Some(recipe) => (recipe, None),
        None => {
            let path = folder.join("metrics.json");
            if !path.is_file() {
                let problem = match folder.join("cells").is_dir() {
                    true => "no metrics.json: this is a sweep's folder; the run of its best cell is in best/",
                    false => "no metrics.json: this is no run folder, or its run did not get to its end",
                };
                return Err(Error::content(folder, problem));
            }
            let metrics: Metrics = files::read_json(&path)?;
            (own_recipe(folder, device.unwrap_or(&metrics.device))?, Some(metrics))
        }
    };
    let device = device::find(device.unwrap_or(&recipe.device))?;
    if recipe.is_language() {
        if let Some(source) = model.map(str::to_owned).or(Config::read_all(folder)?[0].1.model.on_the_hub()) {
            recipe.model.source = Some(source);
        }
        let (scores, found) = language::again(&recipe, folder, &device)?;
        return Ok(Evaluated::new(&scores, &found, recorded.map(|metrics| metrics.measured.iia)));
    }
    if model.is_some() {
        return Err(Error::Invalid("--model is a language model; this recipe's network is in the folder".to_owned()));
    }
    let task = recipe.feature_task()?;
    let main = Experiment::new(&recipe, task.as_ref(), &device, true)?;
    let mut evaluated = again(folder, &main, recorded.as_ref().map(|metrics| metrics.measured.iia))?;
    if let (Some(contrast), Some(recorded)) =
        (Experiment::contrast(&recipe, task.as_ref(), &device, true)?, recorded.and_then(|metrics| metrics.contrast))
    {
        evaluated.contrast = Some(Box::new(again(&folder.join("contrast"), &contrast, Some(recorded.iia))?));
    }
    Ok(evaluated)
}

/// The recipe of a run folder, on a device. Where it names a file of a network's weights, the folder's own copy
/// takes its place: the file may be on another machine.
fn own_recipe(folder: &Path, device: &str) -> Result<Recipe, Error> {
    let path = folder.join("recipe.toml");
    let table: toml::Table = crate::places::parse(&files::read_text(&path)?, &path)?;
    let mut set = vec![Override::new("device", device.to_owned())];
    if table.get("model").and_then(|model| model.get("weights")).is_some() {
        let weights = folder.join("model.safetensors").display().to_string();
        set.push(Override::new("model.weights", weights));
    }
    Recipe::load(&path, &set)
}

fn again(folder: &Path, experiment: &Experiment<'_>, recorded_iia: Option<f64>) -> Result<Evaluated, Error> {
    let config = Config::read(folder)?;
    let model = config.mlp(folder, experiment.device)?;
    let site = config.target()?.site;
    if site != experiment.site {
        let problem = format!("config.json says {site}, recipe.toml says {}", experiment.site);
        return Err(Error::content(folder, problem));
    }
    let found = config.intervention(folder, experiment.device)?;
    let alignment = experiment.alignment(&model);
    let candidate = Candidate { interventions: vec![found], partition: experiment.partition.clone() };
    let scores = alignment.iia(&experiment.held_out(&alignment)?, &candidate)?;
    Ok(Evaluated::new(&scores, &candidate.interventions, recorded_iia))
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

    /// For machines.
    #[must_use]
    pub fn json(&self) -> String {
        serde_json::to_string(self).expect("numbers and names make JSON")
    }

    /// For people.
    #[must_use]
    pub fn table(&self) -> String {
        use crate::report::{Column, Row};
        let column = |name: &str, of: &Self| {
            let [low, high] = of.iia_interval;
            let mut rows = vec![Row::new("IIA", "overall", of.iia, Some((low, high)))];
            rows.extend(of.iia_by_variable.iter().map(|(name, value)| Row::new("IIA", name, *value, None)));
            rows.extend(of.recorded_iia.map(|recorded| Row::new("IIA", "in metrics.json", recorded, None)));
            rows.push(Row::new(" ", "orthogonality error", of.orthogonality_error, None));
            Column { name: name.to_owned(), rows }
        };
        let mut columns = vec![column("network", self)];
        columns.extend(self.contrast.as_deref().map(|contrast| column("contrast", contrast)));
        table(&columns)
    }
}
