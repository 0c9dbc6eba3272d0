//! The keys and values of earlier tokens.

use burn::tensor::Tensor;

/// The position of a padding token.
pub const PADDING: i64 = -1;

/// One layer's keys and values, each `[batch, n_kv_heads, tokens, head_dim]`.
///
/// Keys are stored as attention uses them: after the key norm and the rotary embedding of the families that have them.
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
    /// `None` for a layer that was not run.
    layers: Vec<Option<KeyValue>>,
}

impl Memory {
    /// `positions[example][token]` is absolute, [`PADDING`] where there is no token; `layers[layer]` is `None` for
    /// layers that the next run does not include.
    #[must_use]
    pub fn new(positions: Vec<Vec<i64>>, layers: Vec<Option<KeyValue>>) -> Self {
        Self { positions, layers }
    }

    /// The absolute positions, `[batch][tokens]`, [`PADDING`] where there is no token.
    #[must_use]
    pub fn positions(&self) -> &[Vec<i64>] {
        &self.positions
    }

    /// A layer's keys and values; `None` where the layer has none.
    #[must_use]
    pub fn layer(&self, layer: usize) -> Option<&KeyValue> {
        self.layers.get(layer)?.as_ref()
    }

    /// The tokens before position `first[example]`. Later tokens are marked as padding; columns at the end that are
    /// padding in every example are dropped.
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

    pub(super) fn set_layer(&mut self, layer: usize, states: KeyValue) {
        if self.layers.len() <= layer {
            self.layers.resize(layer + 1, None);
        }
        self.layers[layer] = Some(states);
    }

    pub(super) fn extend_positions(&mut self, more: &[Vec<i64>]) {
        self.positions.resize(more.len(), Vec::new());
        for (row, more) in self.positions.iter_mut().zip(more) {
            row.extend(more);
        }
    }
}
