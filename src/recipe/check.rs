//! What a recipe must be beyond being well-formed.

use std::collections::BTreeMap;
use std::ops::Range;

use super::{Intervention, Recipe};
use crate::alignment::Partition;
use crate::error::{Error, nearest};
use crate::orthogonal::Map;
use crate::tap::Component;
use crate::tasks::{FeatureTask, hierarchical_equality::hierarchical_equality};

/// The dotted key of a mistake, and what is wrong there.
pub(super) type Mistake = (String, String);

/// The tasks that recipes can name.
pub const TASKS: [&str; 1] = ["hierarchical_equality"];

impl Recipe {
    /// The task that the recipe names.
    pub fn task(&self) -> Result<Box<dyn FeatureTask>, Error> {
        match self.task.name.as_str() {
            "hierarchical_equality" => Ok(Box::new(hierarchical_equality())),
            name => Err(Error::Unknown { what: "task", name: name.to_owned(), hint: nearest(name, TASKS) }),
        }
    }

    pub(super) fn check(&self) -> Result<(), Mistake> {
        let at = |key: &str| {
            let key = key.to_owned();
            move |error: Error| (key, error.to_string())
        };
        let task = self.task().map_err(at("task.name"))?;
        crate::device::find(&self.device).map_err(at("device"))?;
        self.check_sizes()?;
        let Intervention { kind, component, layer, orthogonal, partition } = &self.intervention;
        if kind != "rotated_space" {
            return Err((
                "intervention.kind".to_owned(),
                format!("unknown kind `{kind}`{}", nearest(kind, ["rotated_space"])),
            ));
        }
        let component: Component = component.parse().map_err(at("intervention.component"))?;
        if !matches!(component, Component::BlockOutput | Component::MlpActivation) {
            let problem = format!("an MLP has no {component}; it has block_output and mlp_activation");
            return Err(("intervention.component".to_owned(), problem));
        }
        if *layer >= self.model.layers {
            let problem =
                format!("layer {layer} is not there: the model has {} layers, counted from 0", self.model.layers);
            return Err(("intervention.layer".to_owned(), problem));
        }
        if orthogonal != "manifold" {
            orthogonal.parse::<Map>().map_err(at("intervention.orthogonal"))?;
        }
        check_partition("intervention.partition", partition, self.model.width, &task.aligned())?;
        if let Some(contrast) = &self.contrast {
            positive("contrast.width", contrast.width)?;
            not_negative("contrast.l1", contrast.l1)?;
            not_negative("contrast.weight_decay", contrast.weight_decay)?;
            check_partition("contrast.partition", &contrast.partition, contrast.width, &task.aligned())?;
        }
        match &self.model.weights {
            Some(path) if !path.is_file() => {
                Err(("model.weights".to_owned(), format!("there is no file {}", path.display())))
            }
            Some(_) if self.contrast.is_some() => {
                Err(("contrast".to_owned(), "a contrast is trained, so it goes without `model.weights`".to_owned()))
            }
            _ => Ok(()),
        }
    }

    fn check_sizes(&self) -> Result<(), Mistake> {
        positive("model.width", self.model.width)?;
        positive("model.layers", self.model.layers)?;
        positive("model.training.steps", self.model.training.steps)?;
        positive("model.training.batch", self.model.training.batch)?;
        rate("model.training.learning_rate", self.model.training.learning_rate)?;
        not_negative("model.training.weight_decay", self.model.training.weight_decay)?;
        not_negative("model.training.l1", self.model.training.l1)?;
        positive("training.steps", self.training.steps)?;
        positive("training.batch", self.training.batch)?;
        positive("training.log_every", self.training.log_every)?;
        rate("training.learning_rate", self.training.learning_rate)?;
        positive("evaluation.pairs", self.evaluation.pairs)?;
        positive("evaluation.random_rotations", self.evaluation.random_rotations)
    }
}

impl Recipe {
    /// A partition as the recipe writes it, in the order of the task's variables.
    pub fn partition(
        &self,
        parts: &BTreeMap<String, [usize; 2]>,
        rank: usize,
        task: &dyn FeatureTask,
    ) -> Result<Partition, Error> {
        partition(parts, rank, &task.aligned())
    }

    /// The map under which the rotation is trained; none on the manifold.
    pub fn orthogonal(&self) -> Result<Option<Map>, Error> {
        match self.intervention.orthogonal.as_str() {
            "manifold" => Ok(None),
            name => name.parse().map(Some),
        }
    }
}

fn partition(parts: &BTreeMap<String, [usize; 2]>, rank: usize, variables: &[&str]) -> Result<Partition, Error> {
    if let Some(name) = parts.keys().find(|name| !variables.contains(&name.as_str())) {
        let hint = nearest(name, variables.iter().copied());
        return Err(Error::Unknown { what: "variable", name: name.clone(), hint });
    }
    let range = |[from, to]: [usize; 2]| Range { start: from, end: to };
    let ordered = variables.iter().filter_map(|v| parts.get(*v).map(|columns| ((*v).to_owned(), range(*columns))));
    Partition::new(ordered.collect(), rank)
}

fn check_partition(
    key: &str,
    parts: &BTreeMap<String, [usize; 2]>,
    rank: usize,
    variables: &[&str],
) -> Result<(), Mistake> {
    partition(parts, rank, variables).map(|_| ()).map_err(|error| (key.to_owned(), error.to_string()))
}

fn positive(key: &str, value: usize) -> Result<(), Mistake> {
    if value > 0 { Ok(()) } else { Err((key.to_owned(), "at least 1".to_owned())) }
}

fn not_negative(key: &str, value: f64) -> Result<(), Mistake> {
    if value >= 0.0 && value.is_finite() {
        Ok(())
    } else {
        Err((key.to_owned(), format!("{value} is not a number of at least 0")))
    }
}

fn rate(key: &str, value: f64) -> Result<(), Mistake> {
    if value > 0.0 && value < 1e3 {
        Ok(())
    } else {
        Err((key.to_owned(), format!("{value} is no learning rate; 0.001, say")))
    }
}
