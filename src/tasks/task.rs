//! A task: a causal model, and how a network reads its inputs and names its output.

use rand::Rng;

use super::{CausalModel, GraphNode, Setting, Variable};
use crate::error::{Error, nearest};

/// A causal model with the network's side of it: what the network is shown, and which class it should say.
pub struct Task<V> {
    /// What the network is asked, in a sentence.
    pub question: &'static str,
    /// What ought to be computed.
    pub causal_model: CausalModel<V>,
    /// Which variables an alignment may look for.
    pub aligned: Vec<Variable>,
    /// The width of the network's input.
    pub n_features: usize,
    /// The number of classes.
    pub n_classes: usize,
    /// Appends the `n_features` numbers that the network is shown.
    pub features: fn(&Setting<V>, &mut Vec<f32>),
    /// The class that the setting's output stands for.
    pub label: fn(&Setting<V>) -> usize,
}

/// Labelled inputs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Examples {
    /// `[count × n_features]`, example after example.
    pub features: Vec<f32>,
    /// `[count]`
    pub labels: Vec<usize>,
}

/// Interchanges, ready for a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Pairs {
    /// `[count × n_features]`
    pub base: Vec<f32>,
    /// One `[count × n_features]` per swapped variable.
    pub sources: Vec<Vec<f32>>,
    /// The class that the causal model says after the interchange, `[count]`.
    pub labels: Vec<usize>,
}

/// A task as the alignment search sees it, whatever its causal model's values are.
pub trait FeatureTask {
    /// What the network is asked, in a sentence.
    fn question(&self) -> &str;
    /// The causal model's variables and their parents.
    fn graph(&self) -> Vec<GraphNode>;
    /// The width of the network's input.
    fn n_features(&self) -> usize;
    /// The number of classes.
    fn n_classes(&self) -> usize;
    /// The names of the variables that an alignment may look for.
    fn aligned(&self) -> Vec<&str>;
    /// Drawn inputs with the causal model's answers.
    fn factual(&self, count: usize, rng: &mut dyn Rng) -> Result<Examples, Error>;
    /// Drawn interchanges of the named variables, one source each.
    fn counterfactual(&self, count: usize, swapped: &[&str], rng: &mut dyn Rng) -> Result<Pairs, Error>;
}

impl<V: Clone + PartialEq> FeatureTask for Task<V> {
    fn question(&self) -> &str {
        self.question
    }

    fn graph(&self) -> Vec<GraphNode> {
        self.causal_model.graph(&self.aligned)
    }

    fn n_features(&self) -> usize {
        self.n_features
    }

    fn n_classes(&self) -> usize {
        self.n_classes
    }

    fn aligned(&self) -> Vec<&str> {
        self.aligned.iter().map(|variable| self.causal_model.name(*variable)).collect()
    }

    fn factual(&self, count: usize, rng: &mut dyn Rng) -> Result<Examples, Error> {
        let mut examples = Examples::default();
        examples.features.reserve(count * self.n_features);
        for setting in self.causal_model.factual_dataset(count, rng)? {
            (self.features)(&setting, &mut examples.features);
            examples.labels.push((self.label)(&setting));
        }
        Ok(examples)
    }

    fn counterfactual(&self, count: usize, swapped: &[&str], rng: &mut dyn Rng) -> Result<Pairs, Error> {
        let known = self.aligned();
        let variables = swapped.iter().map(|name| {
            let at = known.iter().position(|known| known == name).ok_or_else(|| Error::Unknown {
                what: "variable",
                name: (*name).to_owned(),
                hint: nearest(name, known.iter().copied()),
            })?;
            Ok(self.aligned[at])
        });
        let variables = variables.collect::<Result<Vec<Variable>, Error>>()?;
        let room = count * self.n_features;
        let mut pairs = Pairs {
            base: Vec::with_capacity(room),
            sources: vec![Vec::with_capacity(room); swapped.len()],
            labels: Vec::with_capacity(count),
        };
        for example in self.causal_model.counterfactual_dataset(count, &variables, rng)? {
            (self.features)(&example.base, &mut pairs.base);
            for ((_, setting), source) in example.sources.iter().zip(&mut pairs.sources) {
                (self.features)(setting, source);
            }
            pairs.labels.push((self.label)(&example.outcome));
        }
        Ok(pairs)
    }
}
