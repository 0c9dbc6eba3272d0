//! What a recipe must be beyond being well-formed: what every recipe is checked for, then its kind of model.

mod feature;
mod language;

use super::{Recipe, SweepSection};
use crate::error::Error;

/// The dotted key of a mistake, and what is wrong there.
pub(super) type Mistake = (String, String);

const NO_VALIDATION: &str = "there are no validation pairs: set data.validation or data.validation_pairs";

impl Recipe {
    pub(super) fn check(&self) -> Result<(), Mistake> {
        self.device.check().map_err(at("device"))?;
        self.check_numbers()?;
        match &self.model.source {
            Some(_) => self.check_language()?,
            None => self.check_feature()?,
        }
        self.sweep.as_ref().map_or(Ok(()), |sweep| self.check_sweep(sweep))
    }

    fn check_numbers(&self) -> Result<(), Mistake> {
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
            return wrong(
                "training.warmup",
                format!("{} is not a share of the steps, from 0 up to 1", training.warmup),
            );
        }
        if training.temperature.is_some_and(|ends| ends.iter().any(|t| t.is_nan() || *t <= 0.0)) {
            return wrong("training.temperature", "temperatures are over 0");
        }
        positive("evaluation.pairs", self.evaluation.pairs)?;
        positive("evaluation.random_rotations", self.evaluation.random_rotations)
    }

    /// `[sweep]`
    fn check_sweep(&self, sweep: &SweepSection) -> Result<(), Mistake> {
        if self.model.source.is_none() {
            return wrong("sweep", "only for a language model: set model.source");
        }
        if !self.validates() {
            return wrong("sweep", NO_VALIDATION);
        }
        if !self.also.is_empty() {
            return wrong("also", "a cell of a sweep is one place: leave it out");
        }
        sweep.check().map_err(|(axis, problem)| (format!("sweep.{axis}"), problem))?;
        let (kind, component) = (self.intervention.kind, self.intervention.component);
        if sweep.heads.is_some() && !component.is_head() {
            return wrong("sweep.heads", format!("{component} is not one of the `head_` components"));
        }
        if let Some(ranks) = &sweep.ranks {
            if !kind.info().chooses_rank() {
                return wrong("sweep.ranks", format!("a {kind} has no rank to choose"));
            }
            let least = ranks.values(0).into_iter().min().unwrap_or(0);
            if least == 0 {
                return wrong("sweep.ranks", "at least 1");
            }
            if let Some((name, [_, end])) = self.intervention.partition.iter().find(|(_, [_, end])| *end > least) {
                return wrong("sweep.ranks", format!("rank {least} lacks columns of `{name}`, which end at {end}"));
            }
        }
        sweep.steps.map_or(Ok(()), |steps| positive("sweep.steps", steps))
    }

    fn validates(&self) -> bool {
        let data = self.data.clone().unwrap_or_default();
        data.validation.is_some() || self.task.is_some() && data.validation_pairs > 0
    }
}

fn wrong(key: &str, problem: impl Into<String>) -> Result<(), Mistake> {
    Err((key.to_owned(), problem.into()))
}

fn at(key: &str) -> impl FnOnce(Error) -> Mistake {
    let key = key.to_owned();
    move |error| (key, error.to_string())
}

fn positive(key: &str, value: usize) -> Result<(), Mistake> {
    if value > 0 { Ok(()) } else { wrong(key, "at least 1") }
}

fn not_negative(key: &str, value: f64) -> Result<(), Mistake> {
    if value >= 0.0 && value.is_finite() {
        Ok(())
    } else {
        wrong(key, format!("{value} is not a number of at least 0"))
    }
}

fn rate(key: &str, value: f64) -> Result<(), Mistake> {
    if value > 0.0 && value < 1e3 { Ok(()) } else { wrong(key, format!("{value} is no learning rate; 0.001, say")) }
}
