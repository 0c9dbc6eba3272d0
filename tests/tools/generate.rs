//! `generate` prints the model's tokens, with and without interventions.

use burn::tensor::{Device, Tensor};
use intervene::data::Tokenizer;
use intervene::models::{GenerateOptions, Generation};
use intervene::tap::{Component, Patch, Rows};

use super::BASE;
use crate::common::families::load;
use crate::common::program::{file, printed};
use crate::common::tiny::model;

#[test]
fn the_printed_text_is_that_of_the_model() {
    let folder = model("llama");
    let (model, tokenizer) = (load(folder.path()), Tokenizer::load(folder.path()).unwrap());
    let path = folder.path().to_str().unwrap();
    let prompt = tokenizer.encode(BASE).unwrap();
    let options = GenerateOptions { max_new_tokens: 30, stop: vec![2], ..Default::default() };
    let tokens = Generation::new(&model, &[prompt], options, &Device::flex()).unwrap().finish(&mut ()).unwrap();
    let tokens: Vec<u32> = tokens[0].iter().copied().filter(|token| *token != 2).collect();
    let text = printed(&["generate", "--model", path, "--prompt", BASE, "--max-new-tokens", "30"]);
    assert_eq!(text, tokenizer.decode(&tokens).unwrap() + "\n");
    let drawn = |seed: &str| {
        let drawing = ["--temperature", "1", "--top-p", "0.9", "--seed", seed];
        printed(&[&["generate", "--model", path, "--prompt", BASE][..], &drawing[..]].concat())
    };
    assert_eq!(drawn("1"), drawn("1"));
    assert_ne!(drawn("1"), drawn("2"));
}

#[test]
fn interventions_apply_to_every_generated_token() {
    let folder = model("llama");
    let path = folder.path().to_str().unwrap();
    let constant: Vec<String> = (0..32).map(|i| format!("{}.5", i % 3)).collect();
    let add = |during: &str| {
        let text = format!(
            "during = \"{during}\"\n[[interventions]]\nsite = \"1.block_output\"\nkind = \"addition\"\nconstant = [{}]\n",
            constant.join(", ")
        );
        file(folder.path(), &format!("{during}.toml"), &[&text]).display().to_string()
    };
    let say = |more: &[&str]| {
        printed(&[&["generate", "--model", path, "--prompt", BASE, "--max-new-tokens", "12"], more].concat())
    };
    let plain = say(&[]);
    let (prompt, both) = (say(&["--with", &add("prompt")]), say(&["--with", &add("both")]));
    assert_ne!(plain, prompt);
    assert_ne!(prompt, both);

    // By hand: the addition on the last token of the prompt and on each later one.
    let (model, tokenizer) = (load(folder.path()), Tokenizer::load(folder.path()).unwrap());
    let tokens = tokenizer.encode(BASE).unwrap();
    let add: Vec<f32> = (0..32).map(|i| (i % 3) as f32 + 0.5).collect();
    let add = Tensor::<1>::from_floats(add.as_slice(), &Device::flex()).unsqueeze::<3>();
    let options = GenerateOptions { max_new_tokens: 12, stop: vec![2], ..Default::default() };
    let mut generation = Generation::new(&model, std::slice::from_ref(&tokens), options, &Device::flex()).unwrap();
    loop {
        let at = if generation.generated() == 0 { tokens.len() - 1 } else { 0 };
        let rows = Rows::same(1, &[at]).unwrap();
        let mut patch = Patch::new(Component::BlockOutput.at(1), rows, |rows| rows + add.clone());
        if generation.step(&mut patch).unwrap().is_none() {
            break;
        }
    }
    let said: Vec<u32> = generation.outputs()[0].iter().copied().filter(|token| *token != 2).collect();
    assert_eq!(both, tokenizer.decode(&said).unwrap() + "\n");
}
