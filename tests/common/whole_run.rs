//! Full runs of a language model, to logits.

use burn::tensor::{Int, Tensor};
use intervene::models::{Context, FrozenModel, LanguageModel, Pretrained};
use intervene::tap::Tap;

/// The logits of a full run with a tap.
pub fn logits(model: &Pretrained, tokens: Tensor<2, Int>, context: &mut Context, tap: &mut dyn Tap) -> Tensor<3> {
    let hidden = model.embed(tokens, context);
    model.unembed(model.layers(hidden, 0..model.n_layers(), context, tap))
}

/// The logits of a full run without padding, with a tap.
pub fn plain(model: &Pretrained, tokens: Tensor<2, Int>, tap: &mut dyn Tap) -> Tensor<3> {
    let [batch, seq] = tokens.dims();
    logits(model, tokens, &mut Context::full(batch, seq), tap)
}
