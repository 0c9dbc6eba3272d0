//! The interface of frozen models: ranges of layers, run past a tap.

use std::ops::Range;

use burn::tensor::{Int, Tensor};

use super::context::Context;
use super::dimensions::{Dimensions, SiteShape};
use crate::tap::{Component, Tap};

/// A network with fixed weights, whose layers are run in ranges.
///
/// No weight is ever on an autodiff device, so nothing below the first patch is recorded and no weight has a gradient.
pub trait FrozenModel {
    /// The number of layers.
    fn n_layers(&self) -> usize;

    /// The shape of a component's rows, the same in every layer; `None` if the model has no such component.
    fn site_shape(&self, component: Component) -> Option<SiteShape>;

    /// Runs a range of layers; `tap` visits their sites.
    ///
    /// # Shapes
    /// - hidden, output: `[batch, seq, d_model]`
    fn layers(&self, hidden: Tensor<3>, range: Range<usize>, context: &mut Context, tap: &mut dyn Tap) -> Tensor<3>;

    /// Logits from the last layer's output, the final norm included.
    ///
    /// # Shapes
    /// - hidden: `[batch, seq, d_model]`
    /// - output: `[batch, seq, classes]`
    fn unembed(&self, hidden: Tensor<3>) -> Tensor<3>;

    /// Logits of the classes `only`.
    ///
    /// # Shapes
    /// - hidden: `[batch, seq, d_model]`
    /// - output: `[batch, seq, only]`
    fn unembed_only(&self, hidden: Tensor<3>, only: &Tensor<1, Int>) -> Tensor<3> {
        self.unembed(hidden).select(2, only.clone())
    }
}

/// A frozen model of token sequences.
pub trait LanguageModel: FrozenModel {
    /// The sizes.
    fn dimensions(&self) -> &Dimensions;

    /// The states that enter layer 0.
    ///
    /// # Shapes
    /// - tokens: `[batch, seq]`
    /// - output: `[batch, seq, d_model]`
    fn embed(&self, tokens: Tensor<2, Int>, context: &Context) -> Tensor<3>;

    /// The norm between the last layer and the logits.
    ///
    /// # Shapes
    /// - hidden, output: `[batch, seq, d_model]`
    fn norm(&self, hidden: Tensor<3>) -> Tensor<3>;

    /// The number of tokens in the vocabulary.
    fn vocab_size(&self) -> usize {
        self.dimensions().vocab_size
    }

    /// The largest number of positions; `None` if positions are not limited.
    fn max_positions(&self) -> Option<usize> {
        self.dimensions().max_positions
    }
}
