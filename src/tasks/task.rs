//! Feature tasks: a causal model, the network's input features, and its output classes.

use rand::Rng;

use super::{CausalModel, GraphNode, Setting, Variable};
use crate::error::{Error, nearest};

/// A causal model with the network's input features and output classes.
pub struct Task<V> {
    /// The question that the network has to answer, one sentence.
    pub question: &'static str,
    /// The hypothesis about what the network computes.
    pub causal_model: CausalModel<V>,
    /// The variables that an alignment may search for.
    pub aligned: Vec<Variable>,
    /// The width of the network's input.
    pub n_features: usize,
    /// The number of classes.
    pub n_classes: usize,
    /// Appends the network's `n_features` input values for a setting.
    pub features: fn(&Setting<V>, &mut Vec<f32>),
    /// Returns the class of a setting's output.
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

/// Interchanges as network inputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Pairs {
    /// `[count × n_features]`
    pub base: Vec<f32>,
    /// One `[count × n_features]` per swapped variable.
    pub sources: Vec<Vec<f32>>,
    /// The causal model's class after the interchange, `[count]`.
    pub labels: Vec<usize>,
}

/// The interface of a feature task to the alignment search, independent of the causal model's type of values.
pub trait FeatureTask {
    /// Returns the question that the network has to answer, one sentence.
    fn question(&self) -> &str;
    /// Returns the causal model's variables and their parents.
    fn graph(&self) -> Vec<GraphNode>;
    /// Returns the width of the network's input.
    fn n_features(&self) -> usize;
    /// Returns the number of classes.
    fn n_classes(&self) -> usize;
    /// Returns the names of the variables that an alignment may search for.
    fn aligned(&self) -> Vec<&str>;
    /// Draws `count` inputs with the causal model's classes.
    fn factual(&self, count: usize, rng: &mut dyn Rng) -> Result<Examples, Error>;
    /// Draws `count` interchanges of the named variables with one source for each; an unknown variable is an error.
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
            let index = known.iter().position(|known| known == name).ok_or_else(|| Error::Unknown {
                what: "variable",
                name: (*name).to_owned(),
                hint: nearest(name, known.iter().copied()),
            })?;
            Ok(self.aligned[index])
        });
        let variables = variables.collect::<Result<Vec<Variable>, Error>>()?;
        let values = count * self.n_features;
        let mut pairs = Pairs {
            base: Vec::with_capacity(values),
            sources: vec![Vec::with_capacity(values); swapped.len()],
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
