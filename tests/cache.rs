//! The cache is exact: logits, loss and the gradient of R through it equal those of the full run.

mod equals_the_full_run;
mod refusals;
mod shared_by_a_sweep;
mod training;

use burn::tensor::{Device, Int, Tensor, TensorData};
use intervene::alignment::loss::{Objective, loss};
use intervene::alignment::{Cache, Candidate, PairSet, Partition};
use intervene::data::{Pair, Prompt};
use intervene::interventions::{AnyIntervention, Kind};
use intervene::models::Pretrained;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Pairs of prompts of different lengths, intervened on at different positions.
fn pairs(vocabulary: usize, position: usize, rng: &mut ChaCha8Rng) -> Vec<Pair> {
    let mut prompt = |length: usize, position: usize| Prompt {
        tokens: (0..length).map(|_| rng.random_range(0..vocabulary as u32)).collect(),
        positions: vec![position],
    };
    let pair = |(base, source): (Prompt, Prompt), label| Pair {
        base,
        sources: vec![(0, source)],
        labels: vec![label],
        base_answer: None,
        source_answers: vec![None],
    };
    vec![
        pair((prompt(7, position), prompt(6, 2)), 3),
        pair((prompt(9, position + 1), prompt(9, 8)), 5),
        pair((prompt(7, position), prompt(5, 0)), 7),
    ]
}

fn tokens(prompt: &Prompt, device: &Device) -> Tensor<2, Int> {
    let ids: Vec<i64> = prompt.tokens.iter().map(|token| i64::from(*token)).collect();
    let length = ids.len();
    Tensor::from_data(TensorData::new(ids, [1, length]), device)
}

/// A candidate with one variable in all columns.
fn one_variable(interventions: Vec<AnyIntervention>, rank: usize) -> Candidate {
    Candidate { interventions, partition: Partition::new(vec![("label".to_owned(), 0..rank)], rank).unwrap() }
}

fn apart(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// The logits of some pairs through a cache, with one intervention for each place.
fn logits(model: &Pretrained, cache: &Cache<'_>, pairs: &[usize], found: &[AnyIntervention]) -> Vec<f32> {
    let batch = cache.batch(pairs).unwrap();
    let candidate = one_variable(found.to_vec(), 4);
    loss(model, &batch, &[&candidate], &Objective::default())
        .unwrap()
        .logits
        .detach()
        .inner()
        .into_data()
        .iter::<f32>()
        .collect()
}

fn rotated(width: usize, rng: &mut ChaCha8Rng, device: &Device) -> AnyIntervention {
    AnyIntervention::fresh(Kind::RotatedSpace, width, Some(4), None, rng, &device.clone().autodiff()).unwrap()
}
