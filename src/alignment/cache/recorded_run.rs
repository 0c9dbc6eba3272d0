//! A whole run of a model, recorded, from which runs of its tails begin.

use std::collections::BTreeMap;

use burn::tensor::Tensor;

use super::run_states::{RunStates, Tails};
use super::shelf::Shelf;
use crate::error::Error;
use crate::models::{Context, FrozenModel};
use crate::tap::{Rows, Tap};

/// The states that enter every layer, and the keys and values, of a batch of embeddings of equal length.
///
/// A change at a layer and a position leaves everything before it in place: the run goes on from these states, on the
/// tokens from that position on. Many such changes make one batch of tails.
pub struct RecordedRun {
    states: RunStates,
    tokens: usize,
}

/// Where a tail begins: an example of the recorded run, and the first position that runs anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TailStart {
    /// The example.
    pub example: usize,
    /// The position.
    pub position: usize,
}

impl RecordedRun {
    /// Runs all layers from the embeddings, past a tap, and records the run.
    ///
    /// # Shapes
    /// - embeddings: `[batch, seq, d_model]`
    /// - output: the last layer's output beside it, `[batch, seq, d_model]`
    pub fn new(model: &dyn FrozenModel, embeddings: Tensor<3>, tap: &mut dyn Tap) -> (Self, Tensor<3>) {
        let [batch, tokens, width] = embeddings.dims();
        let mut context = Context::full(batch, tokens).keeping();
        let mut states = RunStates { hidden: BTreeMap::new(), memory: Vec::new(), shape: [0, tokens, 0] };
        let mut hidden = embeddings;
        for layer in 0..model.n_layers() {
            states.hidden.insert(layer, Shelf::Device(hidden.clone().reshape([batch * tokens, width])));
            hidden = model.layers(hidden, layer..layer + 1, &mut context, tap);
        }
        let memory = context.into_memory();
        for layer in 0..model.n_layers() {
            states.memory.push(memory.layer(layer).map(|kept| {
                let [_, heads, _, head_dim] = kept.keys.dims();
                states.shape = [heads, tokens, head_dim];
                [&kept.keys, &kept.values].map(|x| Shelf::Device(x.clone().reshape([batch, heads * tokens * head_dim])))
            }));
        }
        (Self { states, tokens }, hidden)
    }

    /// The number of tokens of each example.
    #[must_use]
    pub const fn tokens(&self) -> usize {
        self.tokens
    }

    /// Runs the layers from `layer` on, for each start from its position on, past a tap whose position 0 is the start's;
    /// returns the logits after the last token.
    ///
    /// # Shapes
    /// - what the tap sees: `[starts, longest tail, width]`
    /// - output: `[starts, classes]`
    pub fn logits_from(
        &self,
        model: &dyn FrozenModel,
        layer: usize,
        starts: &[TailStart],
        tap: &mut dyn Tap,
    ) -> Result<Tensor<2>, Error> {
        let first: Vec<usize> = starts.iter().map(|start| start.position).collect();
        let lengths: Vec<usize> = first.iter().map(|first| self.tokens - first).collect();
        let last = lengths.iter().map(|length| vec![length - 1]).collect();
        let tails = Tails { prompts: starts.iter().map(|start| start.example).collect(), first, lengths };
        let row = |tail: usize, place: usize| starts[tail].example * self.tokens + starts[tail].position + place;
        let (hidden, mut context) = self.states.tails(layer, &tails, row);
        let hidden = model.layers(hidden, layer..model.n_layers(), &mut context, tap);
        let logits = model.unembed(Rows::positions(last)?.gather(hidden)); // [starts, 1, classes]
        Ok(logits.squeeze_dim(1))
    }
}
