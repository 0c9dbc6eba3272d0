//! The positions of a run's tokens, and the keys and values of earlier tokens.

use burn::tensor::{Device, Tensor, TensorData};

use super::memory::{KeyValue, Memory, PADDING};

/// The bias on the attention score of a masked key: its weight is then exactly 0 in f32.
const MASKED: f32 = -1e30;

/// The absolute positions of a run's tokens, and the keys and values of the tokens before them.
///
/// The attention mask follows from absolute positions alone: a query attends to the real keys at positions ≤ its own,
/// within the sliding window where the layer has one. The same rule covers the plain forward pass, batches padded on
/// either side, incremental decoding, and tails, whose examples begin at different positions. Positions are stored on
/// the host: building a mask reads nothing back from the device.
///
/// The default context has no tokens; it is for networks that need no positions.
#[derive(Clone, Debug, Default)]
pub struct Context {
    positions: Vec<Vec<i64>>,
    memory: Memory,
    keep: bool,
    /// The attention bias of each window size, computed once for all layers of a run.
    biases: Vec<(Option<usize>, Option<Tensor<4>>)>,
}

impl Context {
    /// Whole sequences without padding.
    #[must_use]
    pub fn full(batch: usize, seq: usize) -> Self {
        Self::at(vec![(0..seq as i64).collect(); batch])
    }

    /// Whole sequences, padded on either side; `mask[example][index]` is true for a real token.
    #[must_use]
    pub fn padded(mask: &[Vec<bool>]) -> Self {
        let positions = |row: &Vec<bool>| {
            let mut next = 0;
            let position = |real: &bool| if *real { (next, next += 1).0 } else { PADDING };
            row.iter().map(position).collect()
        };
        Self::at(mask.iter().map(positions).collect())
    }

    /// Sequences of the given lengths, padded on the right up to the longest.
    #[must_use]
    pub fn of_lengths(lengths: &[usize]) -> Self {
        Self::tail(&vec![0; lengths.len()], lengths, Memory::default())
    }

    /// Tokens at the given absolute positions, `[batch][seq]`, [`PADDING`] where there is no token.
    #[must_use]
    pub fn at(positions: Vec<Vec<i64>>) -> Self {
        Self { positions, ..Self::default() }
    }

    /// Tails: example `e` has `lengths[e]` tokens from position `first[e]` on, padded on the right, and `memory` holds
    /// the keys and values of the tokens before them.
    #[must_use]
    pub fn tail(first: &[usize], lengths: &[usize], memory: Memory) -> Self {
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let row = |(first, length): (&usize, &usize)| {
            (0..longest).map(|i| if i < *length { (first + i) as i64 } else { PADDING }).collect()
        };
        Self { memory, ..Self::at(first.iter().zip(lengths).map(row).collect()) }
    }

    /// The same context, which also stores the run's own keys and values: for decoding and for [`Self::into_memory`].
    #[must_use]
    pub fn keeping(mut self) -> Self {
        self.keep = true;
        self
    }

    /// Appends the tokens of the last run to the memory and sets the positions of the next tokens.
    ///
    /// # Panics
    /// Panics unless the context was made with [`Self::keeping`].
    pub fn advance(&mut self, positions: Vec<Vec<i64>>) {
        assert!(self.keep, "advance needs a context made with Context::keeping");
        self.memory.extend_positions(&self.positions);
        self.positions = positions;
        self.biases.clear();
    }

    /// The keys and values of the layers that were run, after those that the context started with.
    ///
    /// # Panics
    /// Panics unless the context was made with [`Self::keeping`].
    #[must_use]
    pub fn into_memory(mut self) -> Memory {
        assert!(self.keep, "into_memory needs a context made with Context::keeping");
        self.memory.extend_positions(&self.positions);
        self.memory
    }

    /// The absolute positions of the tokens, `[batch][seq]`, [`PADDING`] where there is no token.
    #[must_use]
    pub fn positions(&self) -> &[Vec<i64>] {
        &self.positions
    }

    /// True if the tokens of all examples are at the same positions.
    #[must_use]
    pub fn is_uniform(&self) -> bool {
        self.positions.windows(2).all(|pair| pair[0] == pair[1])
    }

    /// The keys and values that a layer's queries attend to: those of earlier tokens, then this run's own.
    ///
    /// # Shapes
    /// - keys, values: `[batch, n_kv_heads, seq, head_dim]`
    /// - output: both `[batch, n_kv_heads, before + seq, head_dim]`
    pub fn attend(&mut self, layer: usize, keys: Tensor<4>, values: Tensor<4>) -> (Tensor<4>, Tensor<4>) {
        let all = match self.memory.layer(layer) {
            None => KeyValue { keys, values },
            Some(before) => KeyValue {
                keys: Tensor::cat(vec![before.keys.clone(), keys], 2),
                values: Tensor::cat(vec![before.values.clone(), values], 2),
            },
        };
        if self.keep {
            self.memory.set_layer(layer, all.clone());
        }
        (all.keys, all.values)
    }

    /// The bias that is added to the attention scores: 0 where a query attends to a key, a large negative number where
    /// the key is masked. `None` if no key is masked. Computed once per window and run.
    ///
    /// # Shapes
    /// - output: f32, `[batch or 1, 1, seq, before + seq]`
    pub fn bias(&mut self, window: Option<usize>, device: &Device) -> Option<Tensor<4>> {
        if let Some((_, bias)) = self.biases.iter().find(|(known, _)| *known == window) {
            return bias.clone();
        }
        let bias = self.build_bias(window, device);
        self.biases.push((window, bias.clone()));
        bias
    }

    fn build_bias(&self, window: Option<usize>, device: &Device) -> Option<Tensor<4>> {
        let empty = Vec::new();
        let before = |example: usize| self.memory.positions().get(example).unwrap_or(&empty);
        let batch = self.positions.len();
        let uniform = self.is_uniform() && (1..batch).all(|example| before(example) == before(0));
        let rows = if uniform { 1 } else { batch };
        let seq = self.positions.first().map_or(0, Vec::len);
        let keys = before(0).len() + seq;

        let mut values = Vec::with_capacity(rows * seq * keys);
        let mut trivial = true;
        for example in 0..rows {
            for query in &self.positions[example] {
                for key in before(example).iter().chain(&self.positions[example]) {
                    let near = window.is_none_or(|window| query - key < window as i64);
                    let seen = *key != PADDING && key <= query && near;
                    // The output at a padding query is never used, so its mask is irrelevant.
                    trivial &= seen || *query == PADDING;
                    values.push(if seen { 0.0 } else { MASKED });
                }
            }
        }
        let shape = [rows, 1, seq, keys];
        (!trivial).then(|| Tensor::from_data(TensorData::new(values, shape), &device.clone().inner()))
    }
}
