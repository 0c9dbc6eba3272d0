//! From a recipe's names to what they stand for.

use std::collections::BTreeMap;
use std::ops::Range;

use super::{InterventionSection, Recipe};
use crate::alignment::loss::{Objective, Penalty};
use crate::alignment::search::Search;
use crate::alignment::{Partition, Rates};
use crate::error::{Error, nearest};
use crate::tasks::{FeatureTask, feature_task};

impl Recipe {
    /// The task of an MLP that the recipe names.
    pub fn feature_task(&self) -> Result<Box<dyn FeatureTask>, Error> {
        let task = self.task.as_ref().ok_or_else(|| Error::Invalid("a task has to be named".to_owned()))?;
        feature_task(&task.name)
    }

    /// A partition as the recipe writes it, in the order of the variables; without one, a single variable takes all.
    pub fn partition(
        &self,
        parts: &BTreeMap<String, [usize; 2]>,
        rank: usize,
        variables: &[&str],
    ) -> Result<Partition, Error> {
        if let Some(name) = parts.keys().find(|name| !variables.contains(&name.as_str())) {
            let hint = nearest(name, variables.iter().copied());
            return Err(Error::Unknown { what: "variable", name: name.clone(), hint });
        }
        if let ([only], true) = (variables, parts.is_empty()) {
            return Partition::new(vec![((*only).to_owned(), 0..rank)], rank);
        }
        let range = |[from, to]: [usize; 2]| Range { start: from, end: to };
        let ordered = variables.iter().filter_map(|v| parts.get(*v).map(|columns| ((*v).to_owned(), range(*columns))));
        Partition::new(ordered.collect(), rank)
    }

    /// `[intervention]`, and every `[[also]]` filled up from it.
    #[must_use]
    pub fn places(&self) -> Vec<InterventionSection> {
        let first = &self.intervention;
        let also = self.also.iter().map(|also| InterventionSection {
            layer: also.layer,
            component: also.component.unwrap_or(first.component),
            heads: also.heads.clone().unwrap_or_else(|| first.heads.clone()),
            position: also.position.clone().unwrap_or_else(|| first.position.clone()),
            rank: also.rank.or(first.rank),
            ..first.clone()
        });
        std::iter::once(first.clone()).chain(also).collect()
    }

    /// The seed of the search alone.
    #[must_use]
    pub fn search_seed(&self) -> u64 {
        self.training.seed.unwrap_or(self.seed)
    }

    fn objective(&self) -> Objective {
        let training = &self.training;
        let mut penalties = vec![(Penalty::Subspace, training.penalty)];
        if training.isolation > 0.0 {
            penalties.push((Penalty::Isolation, training.isolation));
        }
        Objective { loss: training.loss, penalties }
    }

    /// How the intervention is trained.
    #[must_use]
    pub fn search(&self) -> Search {
        let training = &self.training;
        let rotation = training.learning_rate;
        Search {
            steps: training.steps,
            rates: Rates {
                rotation,
                boundary: training.boundary_learning_rate.unwrap_or(rotation),
                mask: training.mask_learning_rate.unwrap_or(rotation),
            },
            warmup: (training.warmup * training.steps as f64) as usize,
            accumulate: training.accumulate,
            objective: self.objective(),
            log_every: training.log_every,
            evaluate_every: training.evaluate_every,
            patience: training.patience,
        }
    }
}
