//! A real small model, SmolLM2-135M (made by scripts/smollm2.py), equals transformers.
//!
//! The folder is `INTERVENE_SMOLLM2`, or `target/models/SmolLM2-135M-Instruct`. Without it these tests check nothing:
//! the run says so at its end, and on CI (where `CI` is set) they fail.

use std::path::Path;

use burn::tensor::{Device, Int, Tensor, TensorData};
use intervene::data::Tokenizer;
use intervene::models::{FrozenModel, GenerateOptions, Generation, Pretrained};
use intervene::tap::{Component, Patch, Record, Rows};
use serde::Deserialize;

use crate::common::families::load;
use crate::common::needs::smollm2;
use crate::common::whole_run::plain;

#[derive(Deserialize)]
struct Expected {
    prompt: String,
    tokens: Vec<u32>,
    greedy: Vec<u32>,
    text: String,
    last: Top,
    every: Every,
}

/// The likeliest tokens at the last position.
#[derive(Deserialize)]
struct Top {
    tokens: Vec<usize>,
    logits: Vec<f32>,
}

/// Every `stride`-th logit at each position.
#[derive(Deserialize)]
struct Every {
    logits: Vec<Vec<f32>>,
    stride: usize,
}

fn expected() -> Vec<Expected> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/smollm2/expected.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn tensor(tokens: &[u32]) -> Tensor<2, Int> {
    let ids: Vec<i64> = tokens.iter().map(|token| i64::from(*token)).collect();
    Tensor::from_data(TensorData::new(ids, [1, tokens.len()]), &Device::flex())
}

#[test]
fn greedy_continuations_equal_those_of_transformers() {
    let Some(folder) = smollm2() else { return };
    let (model, tokenizer) = (load(&folder), Tokenizer::load(&folder).unwrap());
    let expected = expected();
    assert_eq!(expected.len(), 5);
    let prompts: Vec<Vec<u32>> = expected.iter().map(|case| tokenizer.encode(&case.prompt).unwrap()).collect();
    for (case, prompt) in expected.iter().zip(&prompts) {
        assert_eq!(*prompt, case.tokens, "{}", case.prompt);
    }
    let options = GenerateOptions { max_new_tokens: 20, ..Default::default() };
    let outputs = Generation::new(&model, &prompts, options, &Device::flex()).unwrap().finish(&mut ()).unwrap();
    for (case, output) in expected.iter().zip(outputs) {
        assert_eq!(output, case.greedy, "{}", case.prompt);
        assert_eq!(tokenizer.decode(&output).unwrap(), case.text);
    }
}

#[test]
fn logits_equal_those_of_transformers() {
    let Some(folder) = smollm2() else { return };
    let model = load(&folder);
    for case in expected() {
        let logits = plain(&model, tensor(&case.tokens), &mut ());
        let vocabulary = logits.dims()[2];
        let logits: Vec<f32> = logits.into_data().try_to_vec().unwrap();
        let rows: Vec<&[f32]> = logits.chunks_exact(vocabulary).collect();
        let last = rows.last().unwrap();
        let likeliest = case.last.tokens.iter().map(|token| last[*token]).zip(case.last.logits);
        let every = rows.iter().zip(case.every.logits);
        let every = every.flat_map(|(row, expected)| row.iter().copied().step_by(case.every.stride).zip(expected));
        let off = likeliest.chain(every).map(|(got, expected)| (got - expected).abs()).fold(0.0, f32::max);
        println!("{off} off: {}", case.prompt);
        assert!(off < 5e-3, "{}: off by {off}", case.prompt);
    }
}

#[test]
fn the_residual_stream_at_the_name_decides_the_pronoun() {
    let Some(folder) = smollm2() else { return };
    let (model, tokenizer) = (load(&folder), Tokenizer::load(&folder).unwrap());
    let text = |name: &str| format!("Yesterday, {name} went home early because");
    let (base, source) = (text("John"), text("Mary"));
    let name = |text: &str, name: &str| tokenizer.positions(text, name, 0).unwrap();
    let position = name(&base, "John").start;
    assert_eq!((name(&base, "John"), name(&source, "Mary")), (position..position + 1, position..position + 1));
    let tokens = |text: &str| tensor(&tokenizer.encode(text).unwrap());
    let next = |logits: Tensor<3>| {
        let last = logits.dims()[1] - 1;
        let token = logits.narrow(1, last, 1).argmax(2).into_scalar::<i64>();
        tokenizer.token(token as u32)
    };
    assert_eq!(next(plain(&model, tokens(&base), &mut ())), " he");
    assert_eq!(next(plain(&model, tokens(&source), &mut ())), " she");

    let interchange = |model: &Pretrained, layer: usize| {
        let site = Component::BlockOutput.at(layer);
        let rows = Rows::same(1, &[position]).unwrap();
        let mut record = Record::new(site, rows.clone());
        plain(model, tokens(&source), &mut record);
        let taken = record.take().unwrap();
        let mut patch = Patch::new(site, rows, |_| taken.clone());
        let logits = plain(model, tokens(&base), &mut patch);
        patch.finish().unwrap();
        next(logits)
    };
    let last = model.n_layers() - 1;
    let words: Vec<String> = [0, 5, 10, last].map(|layer| interchange(&model, layer)).to_vec();
    println!("{words:?}");
    assert_eq!(words, [" she", " she", " she", " he"]);
}
