//! The multilayer perceptron of the hierarchical equality task.

use std::ops::Range;

use burn::tensor::{Tensor, activation};

use super::{Context, FrozenModel, SiteShape};
use crate::tap::{Component, Tap};

/// ReLU layers and a linear classifier, under pyvene's names of its sites.
///
/// Layer `l` maps `block_input` to `relu(x W + b)`, which is both its `mlp_activation` and its `block_output`. Features
/// are read as sequences of length one.
#[derive(Clone, Debug)]
pub struct Mlp {
    /// Weight `[in, out]` and bias `[out]` of each layer.
    pub layers: Vec<(Tensor<2>, Tensor<1>)>,
    /// Weight `[width, classes]` and bias `[classes]` of the classifier.
    pub score: (Tensor<2>, Tensor<1>),
}

impl Mlp {
    /// From features to what enters layer 0.
    ///
    /// # Shapes
    /// - features: `[batch, d]`
    /// - output: `[batch, 1, d]`
    #[must_use]
    pub fn embed(&self, features: Tensor<2>) -> Tensor<3> {
        features.unsqueeze_dim(1)
    }

    /// The width of the hidden layers.
    #[must_use]
    pub fn width(&self) -> usize {
        self.score.0.dims()[0]
    }
}

fn linear(x: Tensor<3>, (weight, bias): &(Tensor<2>, Tensor<1>)) -> Tensor<3> {
    let [batch, seq, width] = x.dims();
    let y = x.reshape([batch * seq, width]).matmul(weight.clone()) + bias.clone().unsqueeze();
    y.reshape([batch as i64, seq as i64, -1])
}

impl FrozenModel for Mlp {
    fn n_layers(&self) -> usize {
        self.layers.len()
    }

    fn site_shape(&self, component: Component) -> Option<SiteShape> {
        match component {
            Component::BlockOutput | Component::MlpActivation => Some(SiteShape { width: self.width(), heads: None }),
            _ => None,
        }
    }

    fn layers(
        &self,
        mut hidden: Tensor<3>,
        range: Range<usize>,
        _context: &mut Context,
        tap: &mut dyn Tap,
    ) -> Tensor<3> {
        for layer in range {
            hidden = tap.visit(Component::BlockInput.at(layer), hidden);
            hidden = activation::relu(linear(hidden, &self.layers[layer]));
            hidden = tap.visit(Component::MlpActivation.at(layer), hidden);
            hidden = tap.visit(Component::BlockOutput.at(layer), hidden);
        }
        hidden
    }

    fn unembed(&self, hidden: Tensor<3>) -> Tensor<3> {
        linear(hidden, &self.score)
    }
}
