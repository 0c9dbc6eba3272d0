//! Generation equals that of transformers, alone and in batches; sampling is seeded.

use burn::tensor::Device;
use intervene::models::{GenerateOptions, Generation, LanguageModel, Sampling};

use crate::common::families::{families, load, name};
use crate::common::families_of_transformers::all;
use crate::common::fixtures;
use crate::common::numbers::Numbers;

#[test]
fn greedy_tokens_equal_those_of_transformers() {
    for folder in all() {
        let (model, io) = (load(&folder), Numbers::open(&folder.join("io.safetensors")));
        let prompts = tokens_of(&io.rows("input_ids.0"));
        let expected = tokens_of(&io.rows("greedy8"));
        let new = expected[0].len() - prompts[0].len();
        let options = GenerateOptions { max_new_tokens: new, ..Default::default() };
        let outputs = Generation::new(&model, &prompts, options, &Device::flex()).unwrap().finish(&mut ()).unwrap();
        for (example, output) in outputs.iter().enumerate() {
            assert_eq!(*output, expected[example][prompts[0].len()..], "{}: example {example}", name(&folder));
        }
    }
}

#[test]
fn a_batch_of_unequal_prompts_generates_what_each_does_alone() {
    for folder in all() {
        let (model, io) = (load(&folder), Numbers::open(&folder.join("io.safetensors")));
        let rows = tokens_of(&io.rows("input_ids.3"));
        let prompts = [rows[0].clone(), rows[1][..3].to_vec()];
        let generate = |prompts: &[Vec<u32>]| {
            let options = GenerateOptions { max_new_tokens: 6, ..Default::default() };
            Generation::new(&model, prompts, options, &Device::flex()).unwrap().finish(&mut ()).unwrap()
        };
        let together = generate(&prompts);
        for (prompt, output) in prompts.iter().zip(together) {
            assert_eq!(generate(std::slice::from_ref(prompt))[0], output, "{}", name(&folder));
        }
    }
}

#[test]
fn sampling_is_seeded_and_bad_requests_are_refused() {
    let folder = &families()[0];
    let (model, io) = (load(folder), Numbers::open(&folder.join("io.safetensors")));
    let prompts = tokens_of(&io.rows("input_ids.0"));
    let device = Device::flex();
    let draw = |prompts: &[Vec<u32>], temperature: f64, top_p: f64, seed: u64| {
        let sampling = Sampling::Random { temperature, top_p, seed };
        let options = GenerateOptions { max_new_tokens: 8, sampling, ..Default::default() };
        Generation::new(&model, prompts, options, &device)?.finish(&mut ())
    };
    let drawn = draw(&prompts, 1.0, 1.0, 3).unwrap();
    assert_eq!(drawn, draw(&prompts, 1.0, 1.0, 3).unwrap());
    assert_ne!(drawn, draw(&prompts, 1.0, 1.0, 4).unwrap());
    assert_eq!(drawn[0], draw(&prompts[..1], 1.0, 1.0, 3).unwrap()[0]);
    let greedy =
        Generation::new(&model, &prompts, GenerateOptions { max_new_tokens: 8, ..Default::default() }, &device);
    assert_eq!(draw(&prompts, 1.0, 1e-9, 5).unwrap(), greedy.unwrap().finish(&mut ()).unwrap());

    let refused = |prompts: &[Vec<u32>], temperature: f64| draw(prompts, temperature, 1.0, 0).unwrap_err().to_string();
    assert!(refused(&[], 1.0).contains("empty prompt"));
    assert!(refused(&[vec![3], vec![]], 1.0).contains("empty prompt"));
    assert!(refused(&[vec![64]], 1.0).contains("token 64 is not in the vocabulary of 64"));
    assert!(refused(&prompts, 0.0).contains("temperature"));
}

#[test]
fn a_generation_ends_at_a_stop_token_and_at_the_models_last_position() {
    let folder = fixtures::fixtures().join("gpt2");
    let (model, io) = (load(&folder), Numbers::open(&folder.join("io.safetensors")));
    let prompts = tokens_of(&io.rows("input_ids.0"));
    let device = Device::flex();
    let greedy = &tokens_of(&io.rows("greedy8"))[0][prompts[0].len()..];
    let options = GenerateOptions { max_new_tokens: 8, stop: vec![greedy[2]], ..Default::default() };
    let outputs = Generation::new(&model, &prompts, options, &device).unwrap().finish(&mut ()).unwrap();
    let end = greedy.iter().position(|token| *token == greedy[2]).unwrap();
    assert_eq!(outputs[0], greedy[..=end]);

    let most = model.max_positions().unwrap();
    let options = |max_new_tokens| GenerateOptions { max_new_tokens, ..Default::default() };
    let fits = Generation::new(&model, &[vec![5; most]], options(1), &device).unwrap().finish(&mut ()).unwrap();
    assert_eq!(fits[0].len(), 1);
    let error = Generation::new(&model, &[vec![5; most]], options(2), &device).err().unwrap().to_string();
    assert!(error.contains("more than the model's 32 positions"), "{error}");
}

/// Rows of whole numbers as tokens.
fn tokens_of(rows: &[Vec<i64>]) -> Vec<Vec<u32>> {
    rows.iter().map(|row| row.iter().map(|token| *token as u32).collect()).collect()
}
