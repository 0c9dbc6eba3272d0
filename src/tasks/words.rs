//! Lists of words, and their division into train, validation and test.

use std::sync::LazyLock;

use rand::seq::SliceRandom;
use rand::{Rng, RngExt};

use super::Split;

/// Women's names; each is one token after a space in the tokenizers of GPT-2, SmolLM2 and Llama 3.
pub(super) static WOMEN: LazyLock<Vec<&str>> = LazyLock::new(|| include_str!("words/women.txt").lines().collect());

/// Men's names; each is one token after a space in the tokenizers of GPT-2, SmolLM2 and Llama 3.
pub(super) static MEN: LazyLock<Vec<&str>> = LazyLock::new(|| include_str!("words/men.txt").lines().collect());

/// The rows of a table whose `N` columns are separated by tabs.
pub(super) fn table<const N: usize>(text: &'static str) -> Vec<[&'static str; N]> {
    let row = |line: &'static str| {
        let columns: Vec<&str> = line.split('\t').collect();
        columns.try_into().expect("every row of a word table has all columns")
    };
    text.lines().map(row).collect()
}

/// A shuffled list, divided into 60% train, 20% validation and 20% test.
pub(super) struct SplitItems<T>([Vec<T>; 3]);

impl<T: Clone> SplitItems<T> {
    pub(super) fn new(items: &[T], rng: &mut dyn Rng) -> Self {
        let mut train = items.to_vec();
        train.shuffle(rng);
        let fifth = train.len() / 5;
        let test = train.split_off(train.len() - fifth);
        let validation = train.split_off(train.len() - fifth);
        Self([train, validation, test])
    }

    pub(super) fn items(&self, split: Split) -> &[T] {
        &self.0[split as usize]
    }

    pub(super) fn draw(&self, split: Split, rng: &mut dyn Rng) -> T {
        pick(self.items(split), rng)
    }
}

/// Draws one item uniformly.
pub(super) fn pick<T: Clone>(items: &[T], rng: &mut dyn Rng) -> T {
    items[rng.random_range(0..items.len())].clone()
}

/// Draws `N` different items, in random order.
pub(super) fn pick_different<T: Clone, const N: usize>(items: &[T], rng: &mut dyn Rng) -> [T; N] {
    let chosen = rand::seq::index::sample(rng, items.len(), N);
    std::array::from_fn(|i| items[chosen.index(i)].clone())
}
