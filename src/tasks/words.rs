//! Lists of words, and their division into train, validation and test.

use rand::seq::SliceRandom;
use rand::{Rng, RngExt};

use super::Split;

/// Women's names; each is one token after a space in the tokenizers of GPT-2, SmolLM2 and Llama 3.
pub(super) const WOMEN: [&str; 44] = [
    "Mary",
    "Sarah",
    "Alice",
    "Kate",
    "Anna",
    "Jane",
    "Lisa",
    "Emma",
    "Julia",
    "Helen",
    "Susan",
    "Laura",
    "Emily",
    "Elizabeth",
    "Margaret",
    "Jennifer",
    "Jessica",
    "Rachel",
    "Rebecca",
    "Barbara",
    "Linda",
    "Patricia",
    "Karen",
    "Sophie",
    "Sophia",
    "Amy",
    "Diana",
    "Michelle",
    "Nicole",
    "Angela",
    "Christine",
    "Katherine",
    "Martha",
    "Hannah",
    "Claire",
    "Lucy",
    "Ellen",
    "Maria",
    "Amanda",
    "Melissa",
    "Stephanie",
    "Samantha",
    "Catherine",
    "Caroline",
];

/// Men's names; each is one token after a space in the tokenizers of GPT-2, SmolLM2 and Llama 3.
pub(super) const MEN: [&str; 44] = [
    "John",
    "James",
    "Peter",
    "Paul",
    "Mark",
    "Jack",
    "Tom",
    "Bob",
    "Henry",
    "Mike",
    "Dan",
    "Robert",
    "George",
    "Charles",
    "Thomas",
    "Joseph",
    "Michael",
    "Daniel",
    "Matthew",
    "Andrew",
    "Kevin",
    "Brian",
    "Jason",
    "Eric",
    "Adam",
    "Simon",
    "Philip",
    "Jacob",
    "Nathan",
    "Joshua",
    "Ryan",
    "Tim",
    "Steve",
    "Jim",
    "Joe",
    "Alexander",
    "Patrick",
    "Stephen",
    "Jeff",
    "Greg",
    "Oliver",
    "Martin",
    "Kenneth",
    "Carl",
];

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
