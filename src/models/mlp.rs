//! The multilayer perceptron of the hierarchical equality task.

use std::ops::Range;
use std::path::Path;

use burn::tensor::{Device, Tensor, activation};

use super::context::Context;
use super::dimensions::SiteShape;
use super::model::FrozenModel;
use crate::error::Error;
use crate::tap::{Component, Tap};
use crate::tensors::Tensors;

/// ReLU layers and a linear classifier, with pyvene's names for the sites.
///
/// A layer maps `block_input` to `relu(x W + b)`, which is both its `mlp_activation` and its `block_output`. The features
/// are a sequence of length one.
#[derive(Clone, Debug)]
pub struct Mlp {
    /// Weight `[in, out]` and bias `[out]` of each layer.
    pub layers: Vec<(Tensor<2>, Tensor<1>)>,
    /// Weight `[width, classes]` and bias `[classes]` of the classifier.
    pub score: (Tensor<2>, Tensor<1>),
}

impl Mlp {
    /// The states that enter layer 0.
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

    fn layers(&self, hidden: Tensor<3>, range: Range<usize>, _: &mut Context, tap: &mut dyn Tap) -> Tensor<3> {
        range.fold(hidden, |hidden, layer| {
            let hidden = tap.visit(Component::BlockInput.at(layer), hidden);
            let hidden = activation::relu(linear(hidden, &self.layers[layer]));
            let hidden = tap.visit(Component::MlpActivation.at(layer), hidden);
            tap.visit(Component::BlockOutput.at(layer), hidden)
        })
    }

    fn unembed(&self, hidden: Tensor<3>) -> Tensor<3> {
        linear(hidden, &self.score)
    }
}

impl Mlp {
    /// Reads f32 weights under pyvene's names, `mlp.h.0.ff1.weight` `[out, in]`, `score.weight` and their biases.
    pub fn load(path: &Path, device: &Device) -> Result<Self, Error> {
        let file = Tensors::read(path)?;
        let named = |error: Error| Error::content(path, error.to_string());
        let linear = |name: &str, from: usize| -> Result<(Tensor<2>, Tensor<1>), Error> {
            let weight = file.get(&format!("{name}.weight"), [0, from], device).map_err(named)?;
            let bias = file.get(&format!("{name}.bias"), [weight.dims()[0]], device).map_err(named)?;
            Ok((weight.transpose(), bias))
        };
        let mut layers = vec![linear("mlp.h.0.ff1", 0)?];
        let mut width = layers[0].0.dims()[1];
        while file.contains(&format!("mlp.h.{}.ff1.weight", layers.len())) {
            layers.push(linear(&format!("mlp.h.{}.ff1", layers.len()), width)?);
            width = layers[layers.len() - 1].0.dims()[1];
        }
        Ok(Self { layers, score: linear("score", width)? })
    }

    /// Writes the weights in the format of [`Mlp::load`].
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        let mut file = Tensors::default();
        let named = self.layers.iter().enumerate().map(|(layer, linear)| (format!("mlp.h.{layer}.ff1"), linear));
        for (name, (weight, bias)) in named.chain([("score".to_owned(), &self.score)]) {
            file.insert(format!("{name}.weight"), weight.clone().transpose());
            file.insert(format!("{name}.bias"), bias.clone());
        }
        file.write(path)
    }
}
