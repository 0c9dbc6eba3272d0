//! The shape of a causal model, whatever its values are: what a picture of it needs.

use super::{CausalModel, Variable};

/// One variable of a [`CausalModel`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphNode {
    /// Its name.
    pub name: String,
    /// The numbers of the nodes that it is computed from; none for an input.
    pub parents: Vec<usize>,
    /// May an alignment look for it?
    pub aligned: bool,
}

impl<V: Clone + PartialEq> CausalModel<V> {
    /// Every variable with its parents, parents before children; `aligned` are those that an alignment may look for.
    #[must_use]
    pub fn graph(&self, aligned: &[Variable]) -> Vec<GraphNode> {
        let all: Vec<Variable> = self.variables().collect();
        let number = |of: Variable| all.iter().position(|known| *known == of).unwrap_or(0);
        let node = |of: &Variable| GraphNode {
            name: self.name(*of).to_owned(),
            parents: self.parents(*of).map(number).collect(),
            aligned: aligned.contains(of),
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
        let told: Vec<(&str, &[usize], bool)> =
            graph.iter().map(|node| (&*node.name, &*node.parents, node.aligned)).collect();
        let none: &[usize] = &[];
        let inputs = ["W", "X", "Y", "Z"].map(|name| (name, none, false));
        assert_eq!(told[..4], inputs);
        assert_eq!(told[4..], [("WX", &[0, 1][..], true), ("YZ", &[2, 3][..], true), ("O", &[4, 5][..], false)]);
    }
}
