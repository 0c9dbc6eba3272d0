//! An MLP on a task with inputs as features: trained on the task first, or read from a file.

use std::path::Path;

use burn::tensor::Device;

use super::hypothesis::Hypothesis;
use super::network::Network;
use super::random::{RandomStream, rng};
use super::session::Session;
use crate::alignment::feature::network::{self, Shape};
use crate::alignment::feature::{FeaturePairs, FeatureProblem};
use crate::alignment::{Candidate, Problem, Storage};
use crate::error::Error;
use crate::models::Mlp;
use crate::recipe::Recipe;
use crate::report::Observer;
use crate::saved::{self, ModelIdentity};
use crate::tasks::FeatureTask;

/// One network that a recipe asks for: its own, or its contrast network.
#[derive(Clone)]
pub struct NetworkPlan<'a> {
    name: &'static str,
    task: &'a dyn FeatureTask,
    recipe: Recipe,
}

pub struct FeatureNetwork<'a> {
    plan: NetworkPlan<'a>,
    model: Mlp,
    hypothesis: Hypothesis,
    /// The stream that training pairs are drawn from.
    pairs: RandomStream,
    device: Device,
}

impl<'a> NetworkPlan<'a> {
    fn shape(&self) -> Shape {
        Shape { width: self.recipe.model.width, n_layers: self.recipe.model.layers }
    }

    pub fn all(recipe: &Recipe, task: &'a dyn FeatureTask) -> Vec<(&'static str, Self)> {
        let mut plans = vec![("", Self { name: "network", task, recipe: recipe.clone() })];
        if let Some(contrast) = &recipe.contrast {
            let mut other = recipe.clone();
            other.model.width = contrast.width;
            other.model.training.l1 = contrast.l1;
            other.model.training.weight_decay = contrast.weight_decay;
            other.intervention.partition.clone_from(&contrast.partition);
            plans.push(("contrast", Self { name: "contrast", task, recipe: other }));
        }
        plans
    }

    fn load(&self, path: &Path, device: &Device) -> Result<Mlp, Error> {
        let model = Mlp::load(path, device)?;
        let there = [model.layers[0].0.dims()[0], model.width(), model.layers.len(), model.score.0.dims()[1]];
        let Shape { width, n_layers } = self.shape();
        let wanted = [self.task.n_features(), width, n_layers, self.task.n_classes()];
        if there != wanted {
            let sizes = |[i, w, l, c]: [usize; 4]| format!("{i} inputs, {l} layers of width {w} and {c} classes");
            return Err(Error::content(path, format!("it has {}; the recipe says {}", sizes(there), sizes(wanted))));
        }
        Ok(model)
    }

    fn train(&self, session: &mut Session<'_>) -> Result<Mlp, Error> {
        let (seed, training) = (self.recipe.seed, &self.recipe.model.training);
        let start = network::untrained(self.task, self.shape(), &mut rng(seed, RandomStream::Network), session.device);
        session.observer.begin(&format!("{}: training", self.name), training.steps);
        let phase = format!("{}/network", self.name);
        let mut failed = None;
        let mut watch = |step: usize, loss: Option<f64>| {
            let Some(loss) = loss else { return };
            session.observer.step(step, loss, None);
            if let Some(log) = &mut session.log {
                failed = failed.take().or(log.step(&phase, step, &[("loss", loss)]).err());
            }
        };
        let mut examples = rng(seed, RandomStream::Examples);
        let trained = network::train(&start, self.task, training, &mut examples, session.device, &mut watch)?;
        session.observer.end();
        failed.map_or(Ok(trained), Err)
    }
}

impl<'a> FeatureNetwork<'a> {
    /// Trains the network of a plan, or reads it; `folder` is its place within a run folder.
    pub fn open(plan: NetworkPlan<'a>, folder: &str, session: &mut Session<'_>) -> Result<Self, Error> {
        let trained = session.trained.as_ref().map(|run| saved::mlp_file(&run.join(folder)));
        let model = match trained.as_ref().or(plan.recipe.model.weights.as_ref()) {
            Some(path) => plan.load(path, session.device)?,
            None => plan.train(session)?,
        };
        let variables: Vec<String> = plan.task.aligned().iter().map(|name| (*name).to_owned()).collect();
        let hypothesis = Hypothesis::new(&plan.recipe, &model, &variables)?;
        Ok(Self { plan, model, hypothesis, pairs: RandomStream::Pairs, device: session.device.clone() })
    }

    fn seed(&self, stream: RandomStream) -> rand_chacha::ChaCha8Rng {
        rng(self.plan.recipe.seed, stream)
    }
}

impl Network for FeatureNetwork<'_> {
    fn title(&self) -> String {
        let penalised = self.plan.recipe.model.weights.is_none() && self.plan.recipe.model.training.l1 > 0.0;
        let how = if self.plan.recipe.model.weights.is_some() {
            "given"
        } else if penalised {
            "sparse"
        } else {
            "no penalty"
        };
        format!("{} (width {}, {how})", self.plan.name, self.plan.recipe.model.width)
    }

    fn phase(&self, name: &str) -> String {
        format!("{}/{name}", self.plan.name)
    }

    fn hypothesis(&self) -> &Hypothesis {
        &self.hypothesis
    }

    fn task_accuracy(&self) -> Result<Option<f64>, Error> {
        let (count, mut rng) = (self.plan.recipe.evaluation.pairs, self.seed(RandomStream::TaskAccuracy));
        network::accuracy(&self.model, self.plan.task, count, &mut rng, &self.device).map(Some)
    }

    /// Training pairs are drawn afresh, so only test pairs are stored.
    fn problem(&self, storage: &Storage, observer: &mut dyn Observer) -> Result<Box<dyn Problem + '_>, Error> {
        self.test_problem(storage, observer)
    }

    fn test_problem(&self, _: &Storage, _: &mut dyn Observer) -> Result<Box<dyn Problem + '_>, Error> {
        let recipe = &self.plan.recipe;
        let pairs = FeaturePairs {
            model: &self.model,
            task: self.plan.task,
            site: self.hypothesis.locations[0].site,
            partition: &self.hypothesis.partition,
            device: &self.device,
        };
        let problem = FeatureProblem::new(pairs, recipe.training.batch, rng(recipe.search_seed(), self.pairs));
        Ok(Box::new(problem.with_test(recipe.evaluation.pairs, &mut self.seed(RandomStream::HeldOut))?))
    }

    fn untrained(&self) -> Result<Box<dyn Network + '_>, Error> {
        let mut weights = self.seed(RandomStream::UntrainedNetwork);
        Ok(Box::new(FeatureNetwork {
            plan: self.plan.clone(),
            model: network::untrained(self.plan.task, self.plan.shape(), &mut weights, &self.device),
            hypothesis: self.hypothesis.clone(),
            pairs: RandomStream::UntrainedPairs,
            device: self.device.clone(),
        }))
    }

    fn identity(&self) -> ModelIdentity {
        let (model, trained) = (&self.model, "trained by the recipe".to_owned());
        ModelIdentity {
            kind: "mlp".to_owned(),
            source: self.plan.recipe.model.weights.as_ref().map_or(trained, |path| path.display().to_string()),
            revision: None,
            width: model.width(),
            layers: model.layers.len(),
        }
    }

    fn save(&self, folder: &Path, _: &dyn Problem, _: &Candidate) -> Result<(), Error> {
        self.model.save(&saved::mlp_file(folder))
    }
}
