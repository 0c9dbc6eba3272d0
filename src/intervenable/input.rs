//! The input of a run: token sequences or features.

use burn::tensor::{Device, Tensor};

use crate::error::Error;
use crate::models::{Context, LanguageModel, check_tokens, pad};

/// A batch of examples as it enters layer 0.
#[derive(Clone, Debug)]
pub struct RunInput {
    pub(super) hidden: Tensor<3>,
    pub(super) context: Context,
    pub(super) lengths: Vec<usize>,
}

impl RunInput {
    /// Token sequences, padded on the right to one length. Returns an error for an empty sequence, for a token outside
    /// the vocabulary and for a sequence longer than the model's positions.
    pub fn tokens(model: &dyn LanguageModel, tokens: &[Vec<u32>], device: &Device) -> Result<Self, Error> {
        check_tokens(model, tokens, 0)?;
        let (tokens, lengths) = pad(tokens, device);
        let context = Context::of_lengths(&lengths);
        Ok(Self { hidden: model.embed(tokens, &context), context, lengths })
    }

    /// The input of layer 0 of any network: a sequence of feature vectors for each example.
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
