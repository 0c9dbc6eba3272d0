//! The states that enter layers, and keys and values, of prompts that ran once.

use std::collections::BTreeMap;

use burn::tensor::Tensor;

use super::shelf::{Index, Shelf};
use crate::models::{Context, KeyValue, Memory, PADDING};

/// What a run leaves for runs of its tails.
pub(super) struct RunStates {
    /// By the layer that they enter, `[rows, d_model]`.
    pub hidden: BTreeMap<usize, Shelf>,
    /// By layer, keys and values, `[prompts, n_kv_heads × longest × head_dim]`; `None` where no tail reads them.
    pub memory: Vec<Option<[Shelf; 2]>>,
    /// `n_kv_heads`, the longest prompt, `head_dim`
    pub shape: [usize; 3],
}

/// The tails of a batch: tokens that run anew, each from its own position on.
pub(super) struct Tails {
    pub prompts: Vec<usize>,
    /// The position that each begins with.
    pub first: Vec<usize>,
    pub lengths: Vec<usize>,
}

impl RunStates {
    /// The states that enter layer `entry`, `[tails, longest, d_model]`, and the context of the layers from there on.
    /// `row` gives the row of a tail's states at a place counted along the tail.
    pub fn tails(&self, entry: usize, tails: &Tails, row: impl Fn(usize, usize) -> usize) -> (Tensor<3>, Context) {
        let Tails { prompts, first, lengths } = tails;
        let longest = lengths.iter().copied().max().unwrap_or(0);
        // Past its end a tail repeats its last token, which is padding there.
        let rows = |tail: usize| (0..longest).map(move |place| (tail, place.min(lengths[tail] - 1)));
        let rows = (0..prompts.len()).flat_map(rows).map(|(tail, place)| row(tail, place)).collect();
        let hidden = self.hidden[&entry].take(&Index::new(rows), 1);
        let [_, width] = hidden.dims();
        let context = Context::tail(first, lengths, self.memory(prompts, first, entry));
        (hidden.reshape([prompts.len(), longest, width]), context)
    }

    /// The keys and values before tails that begin at `first`, in the layers from `entry` on.
    pub fn memory(&self, prompts: &[usize], first: &[usize], entry: usize) -> Memory {
        let before = first.iter().copied().max().unwrap_or(0);
        if before == 0 || self.memory.is_empty() {
            return Memory::default();
        }
        let row = |first: &usize| (0..before).map(|at| if at < *first { at as i64 } else { PADDING }).collect();
        let (index, [heads, longest, head_dim]) = (Index::new(prompts.to_vec()), self.shape);
        let cut = |shelf: &Shelf| {
            shelf.take(&index, 1).reshape([prompts.len(), heads, longest, head_dim]).narrow(2, 0, before)
        };
        let layer = |(at, layer): (usize, &Option<[Shelf; 2]>)| {
            let [keys, values] = layer.as_ref().filter(|_| at >= entry)?;
            Some(KeyValue { keys: cut(keys), values: cut(values) })
        };
        Memory::new(first.iter().map(row).collect(), self.memory.iter().enumerate().map(layer).collect())
    }

    pub fn bytes(&self) -> usize {
        self.memory.iter().flatten().flatten().chain(self.hidden.values()).map(Shelf::bytes).sum()
    }
}
