//! What the families of decoder-only transformers share: everything but their blocks.

use std::ops::Range;

use burn::tensor::{Int, Tensor, module};

use super::context::Context;
use super::dimensions::{Dimensions, SiteShape};
use super::linear::{Linear, Norm};
use super::model::{FrozenModel, LanguageModel};
use super::rope::{Rope, RopeAngles};
use super::weights::Loader;
use crate::error::Error;
use crate::tap::{Component, Tap};

/// The parts before and after the blocks.
pub(super) struct Common {
    pub dimensions: Dimensions,
    /// The token embedding, `[vocab_size, d_model]`.
    pub tokens: Tensor<2>,
    /// The rotary embedding, if the family has one.
    pub rope: Rope,
    /// The norm after the last block.
    pub norm: Norm,
    /// From the final norm to the logits.
    pub head: Linear,
}

impl Common {
    /// The token embeddings times the root of their width.
    ///
    /// # Shapes
    /// - tokens: `[batch, seq]`
    /// - output: `[batch, seq, d_model]`
    pub fn scaled_embedding(&self, tokens: Tensor<2, Int>) -> Tensor<3> {
        let hidden = module::embedding(self.tokens.clone(), tokens);
        // The factor is in the model's dtype: bfloat16 rounds it.
        let root = [(self.dimensions.d_model as f32).sqrt()];
        let root = Tensor::<1>::from_data(root, (&hidden.device(), hidden.dtype()));
        hidden * root.unsqueeze()
    }
}

/// A run of one layer: the angles of its positions, the keys and values, and the tap.
pub(super) struct LayerRun<'a> {
    pub layer: usize,
    pub angles: &'a RopeAngles,
    pub context: &'a mut Context,
    pub tap: &'a mut dyn Tap,
}

impl LayerRun<'_> {
    /// Passes the layer's activation at a component to the tap.
    pub fn visit(&mut self, component: Component, activation: Tensor<3>) -> Tensor<3> {
        self.tap.visit(component.at(self.layer), activation)
    }
}

/// A family of decoder-only transformers. [`FrozenModel`] and [`LanguageModel`] follow from it.
pub(super) trait Transformer: Sized {
    /// Reads the configuration and builds the model.
    fn load(loader: &Loader) -> Result<Self, Error>;

    /// The parts before and after the blocks.
    fn common(&self) -> &Common;

    /// Runs the block of `run.layer`; the tap visits its sites.
    ///
    /// # Shapes
    /// - x, output: `[batch, seq, d_model]`
    fn block(&self, x: Tensor<3>, run: LayerRun<'_>) -> Tensor<3>;

    /// The states that enter layer 0.
    ///
    /// # Shapes
    /// - tokens: `[batch, seq]`
    /// - output: `[batch, seq, d_model]`
    fn embed(&self, tokens: Tensor<2, Int>, _context: &Context) -> Tensor<3> {
        module::embedding(self.common().tokens.clone(), tokens)
    }

    /// The function of the head's output that gives the logits; the identity in most families.
    ///
    /// # Shapes
    /// - logits, output: `[batch, seq, classes]`
    fn cap_logits(&self, logits: Tensor<3>) -> Tensor<3> {
        logits
    }
}

impl<T: Transformer> FrozenModel for T {
    fn n_layers(&self) -> usize {
        self.common().dimensions.n_layers
    }

    fn site_shape(&self, component: Component) -> Option<SiteShape> {
        self.common().dimensions.site_shape(component)
    }

    fn layers(&self, hidden: Tensor<3>, range: Range<usize>, context: &mut Context, tap: &mut dyn Tap) -> Tensor<3> {
        let Common { rope, tokens, .. } = self.common();
        let angles = &rope.at(context, hidden.dtype(), &tokens.device());
        range.fold(hidden, |hidden, layer| self.block(hidden, LayerRun { layer, angles, context, tap }))
    }

    fn unembed(&self, hidden: Tensor<3>) -> Tensor<3> {
        self.cap_logits(self.common().head.forward(self.norm(hidden)))
    }

    fn unembed_only(&self, hidden: Tensor<3>, only: &Tensor<1, Int>) -> Tensor<3> {
        self.cap_logits(self.common().head.only(only).forward(self.norm(hidden)))
    }
}

impl<T: Transformer> LanguageModel for T {
    fn dimensions(&self) -> &Dimensions {
        &self.common().dimensions
    }

    fn embed(&self, tokens: Tensor<2, Int>, context: &Context) -> Tensor<3> {
        Transformer::embed(self, tokens, context)
    }

    fn norm(&self, hidden: Tensor<3>) -> Tensor<3> {
        self.common().norm.forward(hidden)
    }
}
