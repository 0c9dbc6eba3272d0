//! The graph of a causal model, independent of its type of values; plots of the model are drawn from it.

use super::{CausalModel, Variable};

/// One variable of a [`CausalModel`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphNode {
    /// The variable's name.
    pub name: String,
    /// The indices of the nodes that it is computed from; empty for an input.
    pub parents: Vec<usize>,
    /// True if an alignment may search for it.
    pub aligned: bool,
}

impl<V: Clone + PartialEq> CausalModel<V> {
    /// Returns every variable with its parents, parents before children; `aligned` lists the alignable ones.
    #[must_use]
    pub fn graph(&self, aligned: &[Variable]) -> Vec<GraphNode> {
        let all: Vec<Variable> = self.variables().collect();
        let index = |variable: Variable| all.iter().position(|known| *known == variable).unwrap_or(0);
        let node = |variable: &Variable| GraphNode {
            name: self.name(*variable).to_owned(),
            parents: self.parents(*variable).map(index).collect(),
            aligned: aligned.contains(variable),
        };
        all.iter().map(node).collect()
    }
}
