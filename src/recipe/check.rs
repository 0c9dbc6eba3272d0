//! What a recipe must be beyond being well-formed.

use super::{Answers, Recipe, Sweep};
use crate::error::{Error, nearest};
use crate::hub;
use crate::interventions::{Kind, Needs};
use crate::models::Dtype;
use crate::tap::Component;
use crate::tasks::PROMPT_TASKS;

/// The dotted key of a mistake, and what is wrong there.
pub(super) type Mistake = (String, String);

const NO_VALIDATION: &str = "there are no validation pairs: set data.validation or data.validation_pairs";

impl Recipe {
    /// Is a language model searched? Else an MLP.
    #[must_use]
    pub fn is_language(&self) -> bool {
        self.model.source.is_some()
    }

    pub(super) fn check(&self) -> Result<(), Mistake> {
        crate::device::check(&self.device).map_err(at("device"))?;
        self.orthogonal().map_err(at("intervention.orthogonal"))?;
        self.cache.storage(std::path::Path::new("")).map_err(at("cache"))?;
        self.check_sizes()?;
        if self.is_language() {
            self.check_language()?
        } else {
            self.check_network()?
        }
        self.sweep.as_ref().map_or(Ok(()), |sweep| self.check_sweep(sweep))
    }

    fn check_network(&self) -> Result<(), Mistake> {
        let task = self.feature_task().map_err(at("task.name"))?;
        let asked = &self.intervention;
        let wrong = |key: &str, problem: String| Err((key.to_owned(), problem));
        if asked.kind != "rotated_space" {
            let hint = nearest(&asked.kind, ["rotated_space"]);
            return wrong("intervention.kind", format!("unknown kind `{}`{hint}", asked.kind));
        }
        let component: Component = asked.component.parse().map_err(at("intervention.component"))?;
        if !matches!(component, Component::BlockOutput | Component::MlpActivation) {
            let problem = format!("an MLP has no {component}; it has block_output and mlp_activation");
            return wrong("intervention.component", problem);
        }
        if asked.layer >= self.model.layers {
            let (layer, layers) = (asked.layer, self.model.layers);
            let problem = format!("layer {layer} is not there: the model has {layers} layers, counted from 0");
            return wrong("intervention.layer", problem);
        }
        for (key, asked) in
            [("evaluate_every", self.training.evaluate_every > 0), ("patience", self.training.patience.is_some())]
        {
            if asked {
                let problem = "an MLP is trained on fresh pairs: there is nothing to stop early for".to_owned();
                return wrong(&format!("training.{key}"), problem);
            }
        }
        if self.training.isolation > 0.0 {
            return wrong("training.isolation", "only for a language model".to_owned());
        }
        if self.training.answers != Answers::All {
            let problem = "only for a language model: an MLP has its classes".to_owned();
            return wrong("training.answers", problem);
        }
        if !self.also.is_empty() {
            return wrong("also", "only for a language model: set model.source".to_owned());
        }
        if self.data.is_some() {
            return wrong("data", "pairs of prompts need a language model: set model.source".to_owned());
        }
        if asked.rank.is_some_and(|rank| rank != self.model.width) {
            return wrong("intervention.rank", "an MLP is searched at full rank: leave it out".to_owned());
        }
        self.partition(&asked.partition, self.model.width, &task.aligned()).map_err(at("intervention.partition"))?;
        if let Some(contrast) = &self.contrast {
            positive("contrast.width", contrast.width)?;
            not_negative("contrast.l1", contrast.l1)?;
            not_negative("contrast.weight_decay", contrast.weight_decay)?;
            let partition = self.partition(&contrast.partition, contrast.width, &task.aligned());
            partition.map_err(at("contrast.partition"))?;
        }
        match &self.model.weights {
            Some(path) if !path.is_file() => wrong("model.weights", format!("there is no file {}", path.display())),
            Some(_) if self.contrast.is_some() => {
                wrong("contrast", "a contrast is trained, so it goes without `model.weights`".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn check_language(&self) -> Result<(), Mistake> {
        let wrong = |key: &str, problem: String| Err((key.to_owned(), problem));
        self.model.dtype.parse::<Dtype>().map_err(at("model.dtype"))?;
        let asked = &self.intervention;
        let kind: Kind = asked.kind.parse().map_err(at("intervention.kind"))?;
        if kind.info().trained.is_none() {
            let trained = Kind::ALL.into_iter().filter(|kind| kind.info().trained.is_some());
            let names = trained.map(Kind::name).collect::<Vec<_>>().join(", ");
            return wrong("intervention.kind", format!("a {kind} has nothing to train; there are: {names}"));
        }
        for (number, place) in self.places().iter().enumerate() {
            let key = |key: &str| match number.checked_sub(1) {
                None => format!("intervention.{key}"),
                Some(number) => format!("also.{number}.{key}"),
            };
            let component: Component = place.component.parse().map_err(at(&key("component")))?;
            if component.is_head() && place.heads.is_empty() {
                return wrong(&key("heads"), format!("{component} needs its heads named, for example [0]"));
            }
            if place.rank == Some(0) {
                return wrong(&key("rank"), "at least 1".to_owned());
            }
        }
        if kind.needs() == Needs::Nothing && self.task.is_some() {
            let problem = format!(
                "a task has pairs to interchange; a {kind} is trained on the prompts and completions of `data`"
            );
            return wrong("task", problem);
        }
        if self.contrast.is_some() || self.model.weights.is_some() {
            let key = if self.contrast.is_some() { "contrast" } else { "model.weights" };
            return wrong(key, "only for an MLP, which has no model.source".to_owned());
        }
        if self.evaluation.untrained_model {
            return wrong("evaluation.untrained_model", "only for an MLP, which has no model.source".to_owned());
        }
        if let Some(patience) = self.training.patience {
            positive("training.patience", patience)?;
            if self.training.evaluate_every == 0 {
                let problem = "how often is there an evaluation? Set training.evaluate_every too".to_owned();
                return wrong("training.patience", problem);
            }
            if !self.validates() {
                return wrong("training.patience", NO_VALIDATION.to_owned());
            }
        }
        match (&self.task, &self.data) {
            (Some(task), _) if !PROMPT_TASKS.contains(&task.name.as_str()) => {
                let hint = nearest(&task.name, PROMPT_TASKS);
                wrong("task.name", format!("unknown task `{}` for a language model{hint}", task.name))
            }
            (Some(_), Some(data)) if data.train.is_some() || data.validation.is_some() || data.test.is_some() => {
                wrong("data", "pairs come from files or from `task`, not from both".to_owned())
            }
            (Some(_), data) => {
                let data = data.clone().unwrap_or_default();
                positive("data.train_pairs", data.train_pairs)?;
                positive("data.test_pairs", data.test_pairs)
            }
            (None, None) => wrong("data", "where do pairs come from? Name a `task`, or files in `data`".to_owned()),
            (None, Some(data)) => {
                let files =
                    [("data.train", &data.train), ("data.test", &data.test), ("data.validation", &data.validation)];
                for (key, path) in files {
                    match path {
                        None if key == "data.validation" => {}
                        None => return wrong(key, "a file of pairs is needed".to_owned()),
                        Some(path) if hub::is_data(path) => {
                            hub::data_repository(path).map_err(at(key))?;
                        }
                        Some(path) if !path.is_file() => {
                            return wrong(key, format!("there is no file {}", path.display()));
                        }
                        _ => {}
                    }
                }
                Ok(())
            }
        }
    }

    /// Are there validation pairs?
    fn validates(&self) -> bool {
        let data = self.data.clone().unwrap_or_default();
        data.validation.is_some() || self.task.is_some() && data.validation_pairs > 0
    }

    fn check_sweep(&self, sweep: &Sweep) -> Result<(), Mistake> {
        let wrong = |key: &str, problem: &str| Err((format!("sweep.{key}"), problem.to_owned()));
        if !self.is_language() {
            return Err(("sweep".to_owned(), "only for a language model: set model.source".to_owned()));
        }
        if !self.validates() {
            return Err(("sweep".to_owned(), NO_VALIDATION.to_owned()));
        }
        if !self.also.is_empty() {
            return Err(("also".to_owned(), "a cell of a sweep is one place: leave it out".to_owned()));
        }
        sweep.check().map_err(|(axis, problem)| (format!("sweep.{axis}"), problem))?;
        let component: Component = self.intervention.component.parse().map_err(at("intervention.component"))?;
        if sweep.heads.is_some() && !component.is_head() {
            return wrong("heads", &format!("{component} is not one of the `head_` components"));
        }
        if let Some(ranks) = &sweep.ranks {
            let kind: Kind = self.intervention.kind.parse().map_err(at("intervention.kind"))?;
            if !kind.info().chooses_rank() {
                return wrong("ranks", &format!("a {kind} has no rank to choose"));
            }
            let least = ranks.values(0).into_iter().min().unwrap_or(0);
            if least == 0 {
                return wrong("ranks", "at least 1");
            }
            if let Some((name, [_, end])) = self.intervention.partition.iter().find(|(_, [_, end])| *end > least) {
                return wrong("ranks", &format!("rank {least} lacks columns of `{name}`, which end at {end}"));
            }
        }
        sweep.steps.map_or(Ok(()), |steps| positive("sweep.steps", steps))
    }

    fn check_sizes(&self) -> Result<(), Mistake> {
        positive("model.width", self.model.width)?;
        positive("model.layers", self.model.layers)?;
        positive("model.training.steps", self.model.training.steps)?;
        positive("model.training.batch", self.model.training.batch)?;
        rate("model.training.learning_rate", self.model.training.learning_rate)?;
        not_negative("model.training.weight_decay", self.model.training.weight_decay)?;
        not_negative("model.training.l1", self.model.training.l1)?;
        let training = &self.training;
        positive("training.steps", training.steps)?;
        positive("training.batch", training.batch)?;
        positive("training.accumulate", training.accumulate)?;
        positive("training.log_every", training.log_every)?;
        rate("training.learning_rate", training.learning_rate)?;
        training.boundary_learning_rate.map_or(Ok(()), |value| rate("training.boundary_learning_rate", value))?;
        training.mask_learning_rate.map_or(Ok(()), |value| rate("training.mask_learning_rate", value))?;
        not_negative("training.penalty", training.penalty)?;
        not_negative("training.isolation", training.isolation)?;
        if !(0.0..1.0).contains(&training.warmup) {
            let problem = format!("{} is not a share of the steps, from 0 up to 1", training.warmup);
            return Err(("training.warmup".to_owned(), problem));
        }
        if training.temperature.is_some_and(|ends| ends.iter().any(|t| t.is_nan() || *t <= 0.0)) {
            return Err(("training.temperature".to_owned(), "temperatures are over 0".to_owned()));
        }
        positive("evaluation.pairs", self.evaluation.pairs)?;
        positive("evaluation.random_rotations", self.evaluation.random_rotations)
    }
}

fn at(key: &str) -> impl FnOnce(Error) -> Mistake {
    let key = key.to_owned();
    move |error| (key, error.to_string())
}

fn positive(key: &str, value: usize) -> Result<(), Mistake> {
    if value > 0 { Ok(()) } else { Err((key.to_owned(), "at least 1".to_owned())) }
}

fn not_negative(key: &str, value: f64) -> Result<(), Mistake> {
    if value >= 0.0 && value.is_finite() {
        return Ok(());
    }
    Err((key.to_owned(), format!("{value} is not a number of at least 0")))
}

fn rate(key: &str, value: f64) -> Result<(), Mistake> {
    if value > 0.0 && value < 1e3 {
        return Ok(());
    }
    Err((key.to_owned(), format!("{value} is no learning rate; 0.001, say")))
}
