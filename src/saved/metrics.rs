//! `metrics.json`: how well it went.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::alignment::{Score, Scores};
use crate::error::Error;
use crate::files;
use crate::report::{Column, TableRow, wilson};

/// A share and its 95% interval.
pub type Interval = [f64; 2];

/// What was measured on one network; plain numbers, with intervals and draws under keys of their own.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Measured {
    /// IIA on fresh held-out pairs, over all swaps.
    pub iia: f64,
    /// Its 95% interval.
    pub iia_interval: Interval,
    /// IIA on the last pairs that the search was trained on, while it was.
    pub iia_train: f64,
    /// IIA of each swap: of a variable alone, and of all at once (`WX+YZ`).
    pub iia_by_variable: BTreeMap<String, f64>,
    /// Their 95% intervals.
    pub iia_by_variable_interval: BTreeMap<String, Interval>,
    /// With `training.isolation`: what must change, what must not, and both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disentangled: Option<Disentangled>,
    /// The mean cross-entropy of a completion's tokens, for an intervention that is trained on completions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completions: Option<Completions>,
    /// What the same evaluation gives without what was learned.
    pub controls: Controls,
    /// The 95% interval of each control; of the random rotation, over all pairs of all draws.
    pub controls_interval: BTreeMap<String, Interval>,
    /// The controls' single draws.
    pub controls_draws: BTreeMap<String, Vec<f64>>,
    /// How often the network does its task; of prompts, the share of pairs that it solves, where the answers are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_accuracy: Option<f64>,
    /// The tokens that answers were asked among, where that was not all of the vocabulary: IIA is the argmax among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<String>,
    /// The largest entry of |RᵀR − I|.
    pub orthogonality_error: f64,
    /// IIA on the validation pairs, of what was kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iia_validation: Option<f64>,
    /// Steps of the search that were done.
    pub steps: usize,
    /// Whether the search ran out of patience.
    #[serde(default)]
    pub stopped_early: bool,
    /// The step after which what was kept was so: the last, or with a patience the best.
    #[serde(default)]
    pub kept_at: usize,
    /// Median milliseconds of a step of the search.
    pub step_ms: f64,
    /// Where the time went.
    pub seconds: Seconds,
    /// Boundless DAS: the number of columns that a hard mask exchanges, ⌈β width⌉.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hard_rank: Option<usize>,
    /// IIA with that hard mask.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iia_hard: Option<f64>,
    /// What the frozen model's constants took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_bytes: Option<usize>,
}

/// Whether a swap of a variable changes what it must, and nothing else (RAVEL, Huang et al. 2024, arXiv 2402.17700).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Disentangled {
    /// IIA on the pairs whose answer the swap must change: the mean over the variables.
    pub cause: f64,
    /// IIA on the pairs whose answer it must not change.
    pub isolate: f64,
    /// The mean of the two.
    pub score: f64,
    /// The first, variable by variable.
    pub cause_by_variable: BTreeMap<String, f64>,
    /// The second, variable by variable.
    pub isolate_by_variable: BTreeMap<String, f64>,
}

/// The mean cross-entropy of a completion's tokens, in nats.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Completions {
    /// With the intervention.
    pub loss: f64,
    /// Without it.
    pub without: f64,
}

/// The controls; a control with draws is their mean.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Controls {
    /// Nothing is swapped.
    pub no_intervention: f64,
    /// The whole site is swapped, from the first source.
    pub full_swap: f64,
    /// A random rotation, with the same partition.
    pub random_rotation: f64,
    /// The same search on an untrained network of the same shape.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub untrained_model: Option<f64>,
}

impl Controls {
    /// The controls that were measured, with their keys.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, f64)> {
        let untrained = self.untrained_model.map(|value| ("untrained_model", value));
        let always = [self.no_intervention, self.full_swap, self.random_rotation];
        ["no_intervention", "full_swap", "random_rotation"].into_iter().zip(always).chain(untrained)
    }
}

/// Wall-clock seconds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Seconds {
    /// Training or loading the network.
    pub prepare: f64,
    /// The search.
    pub train: f64,
    /// Evaluation, controls included.
    pub evaluate: f64,
}

/// The whole file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Metrics {
    /// The recipe's network.
    #[serde(flatten)]
    pub measured: Measured,
    /// The most memory that the process held.
    pub peak_rss_bytes: u64,
    /// The device that it ran on.
    pub device: String,
    /// The seed.
    pub seed: u64,
    /// The contrast network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contrast: Option<Measured>,
}

impl Metrics {
    /// Reads the metrics of a run folder; an error for any other folder, and for a run that did not finish.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let path = folder.join("metrics.json");
        if path.is_file() {
            return files::read_json(&path);
        }
        let problem = match folder.join("cells").is_dir() {
            true => "has no metrics.json: this is a sweep's folder; the run of its best cell is in best/",
            false => "has no metrics.json: it is not a run folder, or its run did not finish",
        };
        Err(Error::content(folder, problem))
    }
}

/// The 95% interval of a score.
#[must_use]
pub fn interval(score: Score) -> Interval {
    let (low, high) = wilson(score.hits, score.trials);
    [low, high]
}

impl Disentangled {
    /// From the scores on pairs whose answer must change, and must not; `None` without pairs of either kind.
    #[must_use]
    pub fn new(cause: &Scores, isolate: &Scores) -> Option<Self> {
        if cause.0.is_empty() || isolate.0.is_empty() {
            return None;
        }
        let by_variable = |scores: &Scores| scores.0.iter().map(|(name, score)| (name.clone(), score.mean())).collect();
        Some(Self {
            cause: cause.mean(),
            isolate: isolate.mean(),
            score: f64::midpoint(cause.mean(), isolate.mean()),
            cause_by_variable: by_variable(cause),
            isolate_by_variable: by_variable(isolate),
        })
    }
}

impl Measured {
    /// Fills in the IIA's.
    pub fn set_iia(&mut self, scores: &Scores) {
        self.iia = scores.overall().mean();
        self.iia_interval = interval(scores.overall());
        self.iia_by_variable = scores.0.iter().map(|(name, score)| (name.clone(), score.mean())).collect();
        self.iia_by_variable_interval = scores.0.iter().map(|(name, score)| (name.clone(), interval(*score))).collect();
    }

    /// The lines of the table at the end.
    #[must_use]
    pub fn column(&self, name: &str) -> Column {
        let pair = |interval: Option<&Interval>| interval.map(|[low, high]| (*low, *high));
        let mut rows: Vec<TableRow> =
            self.task_accuracy.map(|value| TableRow::new("", "task accuracy", value, None)).into_iter().collect();
        let overall = if self.completions.is_some() { "completions said whole" } else { "overall" };
        rows.push(TableRow::new("IIA", overall, self.iia, pair(Some(&self.iia_interval))));
        // Variables first, then their joint swap. A completion swaps none.
        let swaps = self.completions.is_none();
        let mut by_variable: Vec<(&String, &f64)> = self.iia_by_variable.iter().filter(|_| swaps).collect();
        by_variable.sort_by_key(|(name, _)| name.contains('+'));
        for (variable, value) in by_variable {
            rows.push(TableRow::new("IIA", variable, *value, pair(self.iia_by_variable_interval.get(variable))));
        }
        if let Some(scores) = &self.disentangled {
            let values = [("cause", scores.cause), ("isolate", scores.isolate), ("disentangle", scores.score)];
            rows.extend(values.map(|(name, value)| TableRow::new("RAVEL", name, value, None)));
        }
        if let Some(value) = self.iia_validation {
            rows.push(TableRow::new("IIA", "validation", value, None));
        }
        if let (Some(rank), Some(value)) = (self.hard_rank, self.iia_hard) {
            rows.push(TableRow::new("IIA", &format!("hard mask, rank {rank}"), value, None));
        }
        for (key, value) in self.controls.all().filter(|(key, _)| swaps || *key != "full_swap") {
            let (label, interval) = (key.replace('_', " "), pair(self.controls_interval.get(key)));
            rows.push(TableRow::new("controls (IIA)", &label, value, interval));
        }
        if let Some(completions) = &self.completions {
            rows.push(TableRow::new(" ", "cross-entropy of a token", completions.loss, None));
            rows.push(TableRow::new(" ", "the same without it", completions.without, None));
        }
        rows.push(TableRow::new(" ", "orthogonality error", self.orthogonality_error, None));
        Column { name: name.to_owned(), rows }
    }
}
