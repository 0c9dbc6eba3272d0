//! Recipes for an MLP on a feature task.

use super::{Mistake, at, not_negative, positive, wrong};
use crate::interventions::Kind;
use crate::recipe::{Answers, Recipe};
use crate::tap::Component;

impl Recipe {
    pub(super) fn check_feature(&self) -> Result<(), Mistake> {
        let task = self.feature_task().map_err(at("task.name"))?;
        self.check_feature_site()?;
        self.check_only_feature()?;
        let partition = &self.intervention.partition;
        self.partition(partition, self.model.width, &task.aligned()).map_err(at("intervention.partition"))?;
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
                wrong("contrast", "a contrast is trained, so it goes without `model.weights`")
            }
            _ => Ok(()),
        }
    }

    fn check_feature_site(&self) -> Result<(), Mistake> {
        let (intervention, layers) = (&self.intervention, self.model.layers);
        let (kind, component, layer) = (intervention.kind, intervention.component, intervention.layer);
        if kind != Kind::default() {
            return wrong("intervention.kind", format!("an MLP is searched with {}, not with {kind}", Kind::default()));
        }
        if !matches!(component, Component::BlockOutput | Component::MlpActivation) {
            let problem = format!("an MLP has no {component}; it has block_output and mlp_activation");
            return wrong("intervention.component", problem);
        }
        if layer >= layers {
            let problem = format!("layer {layer} does not exist: the model has {layers} layers, counted from 0");
            return wrong("intervention.layer", problem);
        }
        if intervention.rank.is_some_and(|rank| rank != self.model.width) {
            return wrong("intervention.rank", "an MLP is searched at full rank: leave it out");
        }
        Ok(())
    }

    fn check_only_feature(&self) -> Result<(), Mistake> {
        let training = &self.training;
        for (key, is_set) in
            [("evaluate_every", training.evaluate_every > 0), ("patience", training.patience.is_some())]
        {
            if is_set {
                let problem = "an MLP is trained on fresh pairs: there is nothing to stop early for";
                return wrong(&format!("training.{key}"), problem);
            }
        }
        if training.isolation > 0.0 {
            return wrong("training.isolation", "only for a language model");
        }
        if training.answers != Answers::All {
            return wrong("training.answers", "only for a language model: an MLP has its classes");
        }
        if !self.also.is_empty() {
            return wrong("also", "only for a language model: set model.source");
        }
        if self.data.is_some() {
            return wrong("data", "pairs of prompts need a language model: set model.source");
        }
        Ok(())
    }
}
