//! Recipes for a language model.

use super::{Mistake, NO_VALIDATION, at, positive, wrong};
use crate::error::nearest;
use crate::hub;
use crate::interventions::{Kind, Needs};
use crate::recipe::{Data, Recipe};
use crate::tasks::prompt_tasks;

impl Recipe {
    pub(super) fn check_language(&self) -> Result<(), Mistake> {
        let kind = self.intervention.kind;
        if kind.info().trained.is_none() {
            let trained = Kind::ALL.into_iter().filter(|kind| kind.info().trained.is_some());
            let names = trained.map(Kind::name).collect::<Vec<_>>().join(", ");
            return wrong("intervention.kind", format!("a {kind} has nothing to train; there are: {names}"));
        }
        self.check_places()?;
        if kind.needs() == Needs::Nothing && self.task.is_some() {
            let problem = format!(
                "a task has pairs to interchange; a {kind} is trained on the prompts and completions of `data`"
            );
            return wrong("task", problem);
        }
        if self.contrast.is_some() || self.model.weights.is_some() {
            let key = if self.contrast.is_some() { "contrast" } else { "model.weights" };
            return wrong(key, "only for an MLP, which has no model.source");
        }
        self.check_patience()?;
        self.check_pairs()
    }

    fn check_places(&self) -> Result<(), Mistake> {
        for (number, place) in self.places().iter().enumerate() {
            let key = |key: &str| match number.checked_sub(1) {
                None => format!("intervention.{key}"),
                Some(number) => format!("also.{number}.{key}"),
            };
            if place.component.is_head() && place.heads.is_empty() {
                return wrong(&key("heads"), format!("{} needs its heads named, for example [0]", place.component));
            }
            if place.rank == Some(0) {
                return wrong(&key("rank"), "at least 1");
            }
        }
        Ok(())
    }

    fn check_patience(&self) -> Result<(), Mistake> {
        let Some(patience) = self.training.patience else { return Ok(()) };
        positive("training.patience", patience)?;
        if self.training.evaluate_every == 0 {
            return wrong("training.patience", "how often is there an evaluation? Set training.evaluate_every too");
        }
        if self.validates() { Ok(()) } else { wrong("training.patience", NO_VALIDATION) }
    }

    /// Where the pairs come from.
    fn check_pairs(&self) -> Result<(), Mistake> {
        match (&self.task, &self.data) {
            (Some(task), _) if !prompt_tasks().any(|name| name == task.name) => {
                let hint = nearest(&task.name, prompt_tasks());
                wrong("task.name", format!("unknown task `{}` for a language model{hint}", task.name))
            }
            (Some(_), Some(data)) if data.train.is_some() || data.validation.is_some() || data.test.is_some() => {
                wrong("data", "pairs come from files or from `task`, not from both")
            }
            (Some(_), data) => {
                let data = data.clone().unwrap_or_default();
                positive("data.train_pairs", data.train_pairs)?;
                positive("data.test_pairs", data.test_pairs)
            }
            (None, None) => wrong("data", "where do pairs come from? Name a `task`, or files in `data`"),
            (None, Some(data)) => check_files(data),
        }
    }
}

fn check_files(data: &Data) -> Result<(), Mistake> {
    let files = [("data.train", &data.train), ("data.test", &data.test), ("data.validation", &data.validation)];
    for (key, path) in files {
        match path {
            None if key == "data.validation" => {}
            None => return wrong(key, "a file of pairs is needed"),
            Some(path) if hub::is_data(path) => {
                hub::data_repository(path).map_err(at(key))?;
            }
            Some(path) if !path.is_file() => return wrong(key, format!("there is no file {}", path.display())),
            _ => {}
        }
    }
    Ok(())
}
