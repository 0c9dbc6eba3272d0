//! Searches through the cache on a tiny language model.

mod answers;
mod candidates_together;
mod early_stopping;

use burn::tensor::Device;
use intervene::alignment::{Cache, Candidate, LocatedPairs, Partition, Storage};
use intervene::data::{Pair, Prompt};
use intervene::interventions::{AnyIntervention, Kind};
use intervene::models::{Dtype, Pretrained};
use intervene::tap::Component;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::common::families;

const WIDTH: usize = 32;

fn model() -> Pretrained {
    Pretrained::load(&families::families().remove(0), Dtype::F32, &Device::flex()).unwrap()
}

/// Pairs of prompts of different lengths; every third swaps both variables, the others one.
fn pairs(vocabulary: usize) -> Vec<Pair> {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let pair = |at: usize| {
        let mut prompt = |length: usize| Prompt {
            tokens: (0..length).map(|_| rng.random_range(0..vocabulary as u32)).collect(),
            positions: vec![1 + at % 3],
        };
        let swapped = match at % 3 {
            2 => vec![0, 1],
            one => vec![one],
        };
        Pair {
            base: prompt(5 + at % 4),
            sources: swapped.iter().map(|variable| (*variable, prompt(6))).collect(),
            labels: vec![at as u32 % 11],
            base_answer: None,
            source_answers: vec![None; swapped.len()],
        }
    };
    (0..12).map(pair).collect()
}

fn cache<'a>(model: &'a Pretrained, pairs: &[Pair]) -> Cache<'a> {
    let place = LocatedPairs::new(Component::BlockOutput.at(0).into(), pairs);
    Cache::fill(model, &[place], &Storage::default(), &Device::flex(), &mut |_, _| {}).unwrap()
}

/// A fresh rotation whose first columns carry one variable, and the next as many the other.
fn start(kind: Kind, rank: usize, seed: u64) -> Candidate {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let device = Device::flex().autodiff();
    let one = AnyIntervention::fresh(kind, WIDTH, Some(rank), None, &mut rng, &device).unwrap();
    let parts = vec![("first".to_owned(), 0..rank / 2), ("second".to_owned(), rank / 2..rank)];
    Candidate { interventions: vec![one], partition: Partition::new(parts, rank).unwrap() }
}

fn numbers(candidate: &Candidate) -> Vec<f32> {
    candidate.interventions[0].rotation().unwrap().matrix().into_data().iter::<f32>().collect()
}

fn apart(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}
