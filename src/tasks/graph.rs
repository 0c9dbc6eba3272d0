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

#[cfg(test)]
mod tests {
    use super::super::{FeatureTask, hierarchical_equality::hierarchical_equality};

    #[test]
    fn the_graph_is_the_models() {
        let graph = hierarchical_equality().graph();
        let nodes: Vec<(&str, &[usize], bool)> =
            graph.iter().map(|node| (&*node.name, &*node.parents, node.aligned)).collect();
        let none: &[usize] = &[];
        let inputs = ["W", "X", "Y", "Z"].map(|name| (name, none, false));
        assert_eq!(nodes[..4], inputs);
        assert_eq!(nodes[4..], [("WX", &[0, 1][..], true), ("YZ", &[2, 3][..], true), ("O", &[4, 5][..], false)]);
    }
}
