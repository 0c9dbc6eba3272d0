//! What goes into a run.

use burn::tensor::{Device, Tensor};

use crate::error::Error;
use crate::models::{Context, LanguageModel, check_tokens, pad};

/// A batch on its way into a model.
#[derive(Clone, Debug)]
pub struct Input {
    pub(super) hidden: Tensor<3>,
    pub(super) context: Context,
    pub(super) lengths: Vec<usize>,
}

impl Input {
    /// Token sequences, which may differ in length: they are padded on the right. An empty one, a token that the
    /// vocabulary lacks and a sequence that is too long are refused.
    pub fn tokens(model: &dyn LanguageModel, tokens: &[Vec<u32>], device: &Device) -> Result<Self, Error> {
        check_tokens(model, tokens, 0)?;
        let (tokens, lengths) = pad(tokens, device);
        let context = Context::of_lengths(&lengths);
        Ok(Self { hidden: model.embed(tokens, &context), context, lengths })
    }

    /// What enters layer 0 of any network: features, or a sequence of them.
    ///
    /// # Shapes
    /// - hidden: `[batch, seq, width]`
    #[must_use]
    pub fn states(hidden: Tensor<3>) -> Self {
        let [batch, seq, _] = hidden.dims();
        Self { hidden, context: Context::full(batch, seq), lengths: vec![seq; batch] }
    }

    /// The number of positions of each example.
    #[must_use]
    pub fn lengths(&self) -> &[usize] {
        &self.lengths
    }
}
