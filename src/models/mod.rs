//! Frozen models: ranges of layers, run past a tap.

mod context;
mod mlp;

pub use context::Context;
pub use mlp::Mlp;

use std::ops::Range;

use burn::tensor::{Int, Tensor};

use crate::tap::{Component, Tap};

/// The columns of a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SiteShape {
    /// The width of a row.
    pub width: usize,
    /// How many equal heads the row is made of, where it is made of heads.
    pub heads: Option<usize>,
}

/// A network with its weights, read through ranges of its layers.
///
/// No weight is ever on an autodiff device, so nothing below the first patch is recorded and no weight has a gradient.
pub trait FrozenModel {
    /// The number of layers.
    fn n_layers(&self) -> usize;

    /// The shape of a component's rows, the same in every layer; `None` where the model has no such component.
    fn site_shape(&self, component: Component) -> Option<SiteShape>;

    /// Runs a range of layers, visiting their sites.
    ///
    /// # Shapes
    /// - hidden, output: `[batch, seq, d_model]`
    fn layers(&self, hidden: Tensor<3>, range: Range<usize>, context: &mut Context, tap: &mut dyn Tap) -> Tensor<3>;

    /// From the last layer's output to logits, the final norm included.
    ///
    /// # Shapes
    /// - hidden: `[batch, seq, d_model]`
    /// - output: `[batch, seq, classes]`
    fn unembed(&self, hidden: Tensor<3>) -> Tensor<3>;
}

/// A frozen model of token sequences.
pub trait LanguageModel: FrozenModel {
    /// The number of tokens in the vocabulary.
    fn vocab_size(&self) -> usize;

    /// From tokens, `[batch, seq]`, to the states that enter layer 0, `[batch, seq, d_model]`.
    fn embed(&self, tokens: Tensor<2, Int>, context: &Context) -> Tensor<3>;
}
