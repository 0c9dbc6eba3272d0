//! The language tasks. Their labels are derived a second time, from the rendered text.

mod countries;
mod equality;
mod gender_agreement;
mod ioi;
mod mcqa;
mod price_tagging;
mod splits;

use intervene::tasks::{PromptTask, Split, TextPair, prompt_task};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const SPLITS: [Split; 3] = [Split::Train, Split::Validation, Split::Test];

fn task(name: &str) -> Box<dyn PromptTask> {
    prompt_task(name, 7).unwrap()
}

fn draw(task: &dyn PromptTask, split: Split, variables: &[&str], count: usize) -> Vec<TextPair> {
    let mut rng = ChaCha8Rng::seed_from_u64(count as u64);
    (0..count).map(|_| task.sample(split, variables, &mut rng).unwrap()).collect()
}

/// Every way to swap some of the task's variables, each of them sampled in every split.
fn all(name: &str, count: usize) -> Vec<(Vec<usize>, TextPair)> {
    let task = task(name);
    let variables = task.variables();
    let mut swaps: Vec<Vec<usize>> = (0..variables.len()).map(|at| vec![at]).collect();
    if variables.len() > 1 {
        swaps.push((0..variables.len()).collect());
    }
    let mut pairs = Vec::new();
    for split in SPLITS {
        for swap in &swaps {
            let names: Vec<&str> = swap.iter().map(|at| variables[*at]).collect();
            for pair in draw(task.as_ref(), split, &names, count) {
                assert_eq!(pair.sources.iter().map(|(at, _)| *at).collect::<Vec<_>>(), *swap, "{name}");
                assert_eq!(pair.source_answers.len(), swap.len(), "{name}");
                pairs.push((swap.clone(), pair));
            }
        }
    }
    pairs
}

/// Checks the label and both sides' own answers against `values`, which reads each variable off a text, and `answer`,
/// which says what follows a base's text when some of its variables are others.
fn check<V: Clone>(name: &str, values: fn(&str) -> Vec<V>, answer: fn(&str, &[V]) -> String) -> Vec<TextPair> {
    let pairs = all(name, 200);
    for (swap, pair) in &pairs {
        let mut swapped = values(&pair.base.text);
        assert_eq!(pair.base_answer, answer(&pair.base.text, &swapped), "{}", pair.base.text);
        for ((at, (_, source)), own) in swap.iter().zip(&pair.sources).zip(&pair.source_answers) {
            let from = values(&source.text);
            assert_eq!(*own, answer(&source.text, &from), "{}", source.text);
            swapped[*at] = from[*at].clone();
        }
        assert_eq!(pair.label, answer(&pair.base.text, &swapped), "{swap:?}: {pair:?}");
    }
    pairs.into_iter().map(|(_, pair)| pair).collect()
}
