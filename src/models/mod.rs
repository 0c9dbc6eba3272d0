//! Frozen models: ranges of layers, run past a tap.

mod attention;
mod checkpoint;
mod config;
mod context;
mod dimensions;
mod gemma;
mod gemma2;
mod generate;
mod gpt2;
mod gpt_neox;
mod gru;
mod linear;
mod llama;
mod memory;
mod mlp;
mod pretrained;
mod qwen3;
mod room;
mod rope;
mod weights;

pub use context::{Context, PADDING};
pub use dimensions::Dimensions;
pub use gemma::Gemma;
pub use gemma2::Gemma2;
pub use generate::{GenerateOptions, Generation, Sampling};
pub(crate) use generate::{check_tokens, pad};
pub use gpt_neox::GptNeox;
pub use gpt2::Gpt2;
pub use gru::Gru;
pub use linear::{Activation, LayerNorm, Linear, RmsNorm};
pub use llama::Llama;
pub use memory::{KeyValue, Memory};
pub use mlp::Mlp;
pub use pretrained::Pretrained;
pub use qwen3::Qwen3;
pub use weights::Dtype;

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

    /// The same for some of the classes alone.
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
    /// The number of tokens in the vocabulary.
    fn vocab_size(&self) -> usize;

    /// The most positions that the model can tell apart; `None` where there is no such limit.
    fn max_positions(&self) -> Option<usize> {
        None
    }

    /// From tokens, `[batch, seq]`, to the states that enter layer 0, `[batch, seq, d_model]`.
    fn embed(&self, tokens: Tensor<2, Int>, context: &Context) -> Tensor<3>;
}
