//! `examples.json`: what the model says of some test pairs, before the intervention and after it.

use std::collections::BTreeSet;
use std::path::Path;

use burn::tensor::{DType, Tensor, activation};

use super::prompts::Prompts;
use crate::alignment::search::rewrite;
use crate::alignment::{Cache, step};
use crate::data::{self, Pair, Prompt};
use crate::error::Error;
use crate::files;
use crate::interventions::AnyIntervention;
use crate::report::page::{Example, Piece, Said};

/// The file in a run folder.
pub const FILE: &str = "examples.json";
/// Pairs that are shown, from beginning to end of the test pairs.
const SHOWN: usize = 6;
/// Pairs that are shown besides because the intervention fails on them.
const FAILED: usize = 2;
/// Next tokens that are shown.
const LIKELIEST: usize = 5;
/// Pairs that run at once.
const BATCH: usize = 32;

/// Writes some of the test pairs with the likeliest next tokens: evenly spaced ones, and some on which the intervention
/// fails, where there are such.
pub fn write(prompts: &Prompts, test: &Cache<'_>, found: &[AnyIntervention], folder: &Path) -> Result<(), Error> {
    let mut failed = Vec::new();
    for pairs in batches(test, &(0..test.len()).collect()) {
        let said = logits(prompts, test, &pairs, found)?.argmax(2).into_data();
        let wrong = |(pair, said): (&usize, i64)| (said != i64::from(test.pairs()[*pair].labels[0])).then_some(*pair);
        failed.extend(pairs.iter().zip(said.iter::<i64>()).filter_map(wrong));
    }
    let chosen: BTreeSet<usize> = (0..SHOWN).map(|at| at * test.len() / SHOWN).collect();
    let besides: Vec<usize> = failed.into_iter().filter(|pair| !chosen.contains(pair)).take(FAILED).collect();
    let mut examples: Vec<(usize, Example)> = Vec::new();
    for pairs in batches(test, &chosen.into_iter().chain(besides).collect()) {
        let before = likeliest(prompts, logits(prompts, test, &pairs, &[])?);
        let after = likeliest(prompts, logits(prompts, test, &pairs, found)?);
        for ((pair, before), after) in pairs.into_iter().zip(before).zip(after) {
            examples.push((pair, example(prompts, &test.pairs()[pair], before, after)));
        }
    }
    examples.sort_by_key(|(pair, _)| *pair);
    let examples: Vec<Example> = examples.into_iter().map(|(_, example)| example).collect();
    files::write_json(&folder.join(FILE), &examples)
}

/// The pairs in batches that swap the same variables.
fn batches(test: &Cache<'_>, pairs: &BTreeSet<usize>) -> Vec<Vec<usize>> {
    let of_group = |(_, group): (Vec<usize>, Vec<usize>)| {
        let asked: Vec<usize> = group.into_iter().filter(|pair| pairs.contains(pair)).collect();
        asked.chunks(BATCH).map(<[usize]>::to_vec).collect::<Vec<_>>()
    };
    test.groups().into_iter().flat_map(of_group).collect()
}

/// The logits at the first token of the answer, `[batch, 1, classes]`, with the interventions or, without any, untouched.
fn logits(prompts: &Prompts, test: &Cache<'_>, pairs: &[usize], found: &[AnyIntervention]) -> Result<Tensor<3>, Error> {
    let batch = test.batch(pairs)?;
    let edit = |part: usize, base: Tensor<3>| match found.get(part) {
        Some(found) => rewrite(found, base, &batch.parts[part].sources),
        None => base,
    };
    Ok(step::interchange(&prompts.model, &batch, &edit)?.narrow(1, 0, 1))
}

fn example(prompts: &Prompts, pair: &Pair, before: Vec<Said>, after: Vec<Said>) -> Example {
    Example {
        swapped: pair.sources.iter().map(|(variable, _)| prompts.variables[*variable].clone()).collect(),
        base: pieces(prompts, &pair.base),
        sources: pair.sources.iter().map(|(_, source)| pieces(prompts, source)).collect(),
        label: prompts.tokenizer.token(pair.labels[0]),
        before,
        after,
    }
}

fn pieces(prompts: &Prompts, prompt: &Prompt) -> Vec<Piece> {
    let pieces = data::pieces(prompt, &prompts.tokenizer).into_iter();
    pieces.map(|(text, marked)| Piece { text, marked }).collect()
}

/// The likeliest tokens of each example, from logits `[batch, 1, classes]`.
fn likeliest(prompts: &Prompts, logits: Tensor<3>) -> Vec<Vec<Said>> {
    let [_, _, classes] = logits.dims();
    let probabilities: Vec<f32> = activation::softmax(logits.cast(DType::F32), 2).into_data().iter::<f32>().collect();
    let of = |probabilities: &[f32]| {
        let mut order: Vec<usize> = (0..classes).collect();
        order.sort_by(|a, b| probabilities[*b].total_cmp(&probabilities[*a]));
        let said = |token: &usize| Said {
            token: prompts.tokenizer.token(*token as u32),
            probability: f64::from(probabilities[*token]),
        };
        order.iter().take(LIKELIEST).map(said).collect()
    };
    probabilities.chunks_exact(classes).map(of).collect()
}
