//! The keys and values of earlier tokens.

use burn::tensor::Tensor;

use super::context::PADDING;

/// One layer's keys and values, each `[batch, n_kv_heads, tokens, head_dim]`.
///
/// Keys are stored as the scores need them: normed and rotated where the family does so.
#[derive(Clone, Debug)]
pub struct KeyValue {
    /// The keys.
    pub keys: Tensor<4>,
    /// The values.
    pub values: Tensor<4>,
}

/// The keys and values of earlier tokens, layer by layer, with their absolute positions.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    positions: Vec<Vec<i64>>,
    /// `None` for a layer that has not run.
    layers: Vec<Option<KeyValue>>,
}

impl Memory {
    /// `positions[example][token]` is absolute, [`PADDING`] where there is no token; `layers[layer]` is `None` for
    /// the layers that the run to come leaves out.
    #[must_use]
    pub fn new(positions: Vec<Vec<i64>>, layers: Vec<Option<KeyValue>>) -> Self {
        Self { positions, layers }
    }

    /// The absolute positions, `[batch][tokens]`, [`PADDING`] where there is no token.
    #[must_use]
    pub fn positions(&self) -> &[Vec<i64>] {
        &self.positions
    }

    /// A layer's keys and values, where there are any.
    #[must_use]
    pub fn layer(&self, layer: usize) -> Option<&KeyValue> {
        self.layers.get(layer)?.as_ref()
    }

    /// What comes before position `first[example]`: later tokens are marked as padding, and the tokens past the last
    /// one that is left are dropped.
    #[must_use]
    pub fn before(&self, first: &[usize]) -> Self {
        let hide = |(row, first): (&Vec<i64>, &usize)| -> Vec<i64> {
            row.iter().map(|at| if *at < *first as i64 { *at } else { PADDING }).collect()
        };
        let mut positions: Vec<Vec<i64>> = self.positions.iter().zip(first).map(hide).collect();
        let real = |row: &Vec<i64>| row.iter().rposition(|at| *at != PADDING).map_or(0, |last| last + 1);
        let tokens = positions.iter().map(real).max().unwrap_or(0);
        if tokens == 0 {
            return Self::default();
        }
        for row in &mut positions {
            row.truncate(tokens);
        }
        let cut = |layer: &KeyValue| KeyValue {
            keys: layer.keys.clone().narrow(2, 0, tokens),
            values: layer.values.clone().narrow(2, 0, tokens),
        };
        Self { positions, layers: self.layers.iter().map(|layer| layer.as_ref().map(cut)).collect() }
    }

    pub(super) fn set_layer(&mut self, layer: usize, kept: KeyValue) {
        if self.layers.len() <= layer {
            self.layers.resize(layer + 1, None);
        }
        self.layers[layer] = Some(kept);
    }

    pub(super) fn extend_positions(&mut self, more: &[Vec<i64>]) {
        self.positions.resize(more.len(), Vec::new());
        for (row, more) in self.positions.iter_mut().zip(more) {
            row.extend(more);
        }
    }
}
