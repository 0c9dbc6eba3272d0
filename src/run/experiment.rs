//! One network from beginning to end: train or load it, search it, judge what was found.

use std::path::PathBuf;
use std::time::Instant;

use burn::tensor::Device;

use super::metrics::{Controls, Measured, Seconds, interval};
use super::{Stream, rng};
use crate::alignment::evaluate::{Edit, Score, Scores};
use crate::alignment::network::{self, Shape};
use crate::alignment::search::{Logged, Search, orthogonality_error, search};
use crate::alignment::{Alignment, Candidate, HeldOut, Partition};
use crate::error::Error;
use crate::measure::median;
use crate::models::Mlp;
use crate::orthogonal::Map;
use crate::report::{Log, Progress};
use crate::tap::Site;
use crate::tasks::FeatureTask;

/// What is asked of one network.
pub struct Experiment<'a> {
    /// What the progress bar and the log call it.
    pub name: &'a str,
    pub task: &'a dyn FeatureTask,
    pub seed: u64,
    /// The seed of the search alone.
    pub search_seed: u64,
    pub device: &'a Device,
    pub quiet: bool,
    pub shape: Shape,
    pub weights: Option<PathBuf>,
    pub network: network::Training,
    pub site: Site,
    pub partition: Partition,
    pub orthogonal: Option<Map>,
    pub search: Search,
    pub batch: usize,
    /// Held-out pairs of each kind of swap.
    pub pairs: usize,
    pub random_rotations: usize,
    pub untrained_model: bool,
}

/// What came of it.
pub struct Outcome {
    pub model: Mlp,
    pub found: Candidate,
    pub measured: Measured,
    /// What was seen on the way.
    pub lines: Vec<Logged>,
}

/// A search's result, and what was seen on the way.
struct Found {
    candidate: Candidate,
    lines: Vec<Logged>,
}

impl Experiment<'_> {
    pub fn run(&self, log: &mut Log) -> Result<Outcome, Error> {
        let started = Instant::now();
        let model = self.prepare(log)?;
        let task_accuracy = self.task_accuracy(&model)?;
        let prepare = started.elapsed().as_secs_f64();

        let started = Instant::now();
        let phase = format!("{}/search", self.name);
        let alignment = self.alignment(&model);
        let mut observe = |line: &Logged| log.step(&phase, line.step, &values(line));
        let found = self.search(&alignment, Stream::Pairs, "searching", &mut observe)?;
        let train = started.elapsed().as_secs_f64();

        let started = Instant::now();
        let mut measured = Measured {
            task_accuracy: Some(task_accuracy),
            orthogonality_error: orthogonality_error(&found.candidate.interventions),
            steps: self.search.steps,
            kept_at: self.search.steps,
            step_ms: median(found.lines.iter().map(|line| line.step_ms).collect()),
            ..Measured::default()
        };
        self.judge(&alignment, &found, &mut measured)?;
        measured.seconds = Seconds { prepare, train, evaluate: started.elapsed().as_secs_f64() };
        Ok(Outcome { model, found: found.candidate, measured, lines: found.lines })
    }

    fn prepare(&self, log: &mut Log) -> Result<Mlp, Error> {
        if let Some(path) = &self.weights {
            return self.load(path);
        }
        let start = network::untrained(self.task, self.shape, &mut rng(self.seed, Stream::Network), self.device);
        let mut progress = Progress::new(&format!("{}: training", self.name), self.network.steps, self.quiet);
        let phase = format!("{}/network", self.name);
        let mut failed = None;
        let mut watch = |step: usize, loss: Option<f64>| {
            if let Some(loss) = loss {
                progress.update(step, loss, None);
                failed = failed.take().or(log.step(&phase, step, &[("loss", loss)]).err());
            }
        };
        let mut examples = rng(self.seed, Stream::Examples);
        let trained = network::train(&start, self.task, &self.network, &mut examples, self.device, &mut watch)?;
        progress.finish();
        failed.map_or(Ok(trained), Err)
    }

    /// The given weights, which have to fit the recipe and the task.
    fn load(&self, path: &std::path::Path) -> Result<Mlp, Error> {
        let model = Mlp::load(path, self.device)?;
        let found = [model.layers[0].0.dims()[0], model.width(), model.layers.len(), model.score.0.dims()[1]];
        let wanted = [self.task.n_features(), self.shape.width, self.shape.n_layers, self.task.n_classes()];
        if found != wanted {
            let told = |[i, w, l, c]: [usize; 4]| format!("{i} inputs, {l} layers of width {w} and {c} classes");
            return Err(Error::content(path, format!("it has {}; the recipe says {}", told(found), told(wanted))));
        }
        Ok(model)
    }

    fn task_accuracy(&self, model: &Mlp) -> Result<f64, Error> {
        network::accuracy(model, self.task, self.pairs, &mut rng(self.seed, Stream::TaskAccuracy), self.device)
    }

    pub fn alignment<'b>(&'b self, model: &'b Mlp) -> Alignment<'b> {
        let (task, site, partition, device) = (self.task, self.site, self.partition.clone(), self.device);
        Alignment { model, task, site, partition, device }
    }

    pub fn held_out(&self, alignment: &Alignment<'_>) -> Result<HeldOut, Error> {
        alignment.held_out(self.pairs, &mut rng(self.seed, Stream::HeldOut))
    }

    fn search(
        &self,
        alignment: &Alignment<'_>,
        pairs: Stream,
        what: &str,
        observe: &mut dyn FnMut(&Logged) -> Result<(), Error>,
    ) -> Result<Found, Error> {
        let start = alignment.start(self.orthogonal, &mut rng(self.search_seed, Stream::Rotation));
        let mut pairs = rng(self.search_seed, pairs);
        let mut next = || alignment.any(self.batch, &mut pairs);
        let mut progress = Progress::new(&format!("{}: {what}", self.name), self.search.steps, self.quiet);
        let mut lines = Vec::new();
        let candidate = search(alignment.model, start, &self.search, &mut next, &mut |line| {
            progress.update(line.step, line.loss, Some(line.iia));
            lines.push(*line);
            observe(line)
        })?;
        progress.finish();
        Ok(Found { candidate, lines })
    }

    /// IIA and its controls.
    fn judge(&self, alignment: &Alignment<'_>, found: &Found, measured: &mut Measured) -> Result<(), Error> {
        let held_out = self.held_out(alignment)?;
        measured.set_iia(&alignment.iia(&held_out, &found.candidate)?);
        measured.iia_train = found.lines.last().map_or(0.0, |line| line.iia);
        let none = alignment.score(&held_out, Edit::Nothing)?.overall();
        let full = alignment.score(&held_out, Edit::Full)?.overall();
        let mut draws = Vec::new();
        let mut rotations = rng(self.seed, Stream::RandomRotations);
        for _ in 0..self.random_rotations {
            let random = alignment.start(None, &mut rotations).valid();
            draws.push((String::new(), alignment.iia(&held_out, &random)?.overall()));
        }
        let means: Vec<f64> = draws.iter().map(|(_, score)| score.mean()).collect();
        let mut intervals =
            vec![("no_intervention", none), ("full_swap", full), ("random_rotation", Scores(draws).overall())];
        let untrained = if self.untrained_model { Some(self.untrained_search()?.overall()) } else { None };
        intervals.extend(untrained.map(|score| ("untrained_model", score)));
        measured.controls = Controls {
            no_intervention: none.mean(),
            full_swap: full.mean(),
            random_rotation: means.iter().sum::<f64>() / means.len() as f64,
            untrained_model: untrained.map(Score::mean),
        };
        let intervals = intervals.iter().map(|(key, score)| ((*key).to_owned(), interval(*score)));
        measured.controls_interval = intervals.collect();
        measured.controls_draws = [("random_rotation".to_owned(), means)].into();
        Ok(())
    }

    /// The same search on a network of the same shape that nobody has trained.
    fn untrained_search(&self) -> Result<Scores, Error> {
        let mut weights = rng(self.seed, Stream::UntrainedNetwork);
        let model = network::untrained(self.task, self.shape, &mut weights, self.device);
        let alignment = self.alignment(&model);
        let found =
            self.search(&alignment, Stream::UntrainedPairs, "searching an untrained network", &mut |_| Ok(()))?;
        alignment.iia(&self.held_out(&alignment)?, &found.candidate)
    }
}

fn values(line: &Logged) -> [(&'static str, f64); 4] {
    [
        ("loss", line.loss),
        ("iia", line.iia),
        ("learning_rate", line.learning_rate),
        ("orthogonality_error", line.orthogonality_error),
    ]
}
