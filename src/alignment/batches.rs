//! The order in which a search sees its pairs.

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Pairs that swap the same variables, and where in them the search stands.
struct Group {
    order: Vec<usize>,
    next: usize,
}

/// Batches without an end, epoch after epoch; all pairs of a batch swap the same variables.
pub struct Batches {
    groups: Vec<Group>,
    size: usize,
    /// None: in the order of the data, epoch after epoch.
    shuffle: Option<ChaCha8Rng>,
}

impl Batches {
    /// `groups` are the numbers of the pairs, by what they swap. Without a generator the order is the data's own.
    #[must_use]
    pub fn new(groups: Vec<Vec<usize>>, size: usize, shuffle: Option<ChaCha8Rng>) -> Self {
        let group = |order: Vec<usize>| Group { next: order.len(), order };
        Self { groups: groups.into_iter().map(group).collect(), size, shuffle }
    }

    /// The next batch: of a group chosen by chance, as often as it has pairs.
    pub fn draw(&mut self) -> Vec<usize> {
        let total: usize = self.groups.iter().map(|group| group.order.len()).sum();
        let mut pick = self.shuffle.as_mut().map_or(0, |rng| rng.random_range(0..total));
        let mut at = 0;
        while pick >= self.groups[at].order.len() {
            pick -= self.groups[at].order.len();
            at += 1;
        }
        let group = &mut self.groups[at];
        let mut batch = Vec::with_capacity(self.size);
        while batch.len() < self.size {
            if group.next == group.order.len() {
                group.next = 0;
                if let Some(rng) = &mut self.shuffle {
                    group.order.shuffle(rng);
                }
            }
            let more = (self.size - batch.len()).min(group.order.len() - group.next);
            batch.extend(&group.order[group.next..group.next + more]);
            group.next += more;
        }
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn unshuffled_batches_wrap_round() {
        let mut batches = Batches::new(vec![(0..5).collect()], 3, None);
        assert_eq!([batches.draw(), batches.draw()], [vec![0, 1, 2], vec![3, 4, 0]]);
    }

    #[test]
    fn an_epoch_sees_every_pair_once_and_no_batch_mixes() {
        let mut batches = Batches::new(vec![(0..8).collect()], 4, Some(ChaCha8Rng::seed_from_u64(0)));
        let mut epoch = [batches.draw(), batches.draw()].concat();
        epoch.sort_unstable();
        assert_eq!(epoch, (0..8).collect::<Vec<_>>());
        let mut two = Batches::new(vec![vec![0, 1], vec![2, 3, 4]], 2, Some(ChaCha8Rng::seed_from_u64(0)));
        for _ in 0..20 {
            let batch = two.draw();
            assert!(batch.iter().all(|pair| *pair < 2) || batch.iter().all(|pair| *pair >= 2), "{batch:?}");
        }
    }
}
