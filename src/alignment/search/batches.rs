//! The order in which a search sees its pairs.

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Batches without an end, epoch after epoch.
pub struct Batches {
    order: Vec<usize>,
    next: usize,
    size: usize,
    /// None: in the order of the data, epoch after epoch.
    shuffle: Option<ChaCha8Rng>,
}

impl Batches {
    /// `pairs` pairs in batches of `size`; without a generator in the order of the data.
    #[must_use]
    pub fn new(pairs: usize, size: usize, shuffle: Option<ChaCha8Rng>) -> Self {
        Self { order: (0..pairs).collect(), next: pairs, size, shuffle }
    }

    /// The numbers of the next pairs.
    pub fn draw(&mut self) -> Vec<usize> {
        let mut batch = Vec::with_capacity(self.size);
        while batch.len() < self.size {
            if self.next == self.order.len() {
                self.next = 0;
                if let Some(rng) = &mut self.shuffle {
                    self.order.shuffle(rng);
                }
            }
            let more = (self.size - batch.len()).min(self.order.len() - self.next);
            batch.extend(&self.order[self.next..self.next + more]);
            self.next += more;
        }
        batch
    }
}
