//! `collect` computes directions by their formulas, and adding a direction steers a generation.

use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::{Device, Int, Tensor, TensorData};
use intervene::data::Tokenizer;
use intervene::models::FrozenModel;
use intervene::tap::{Component, Patch, Rows};

use crate::common::families::load;
use crate::common::needs::smollm2;
use crate::common::numbers::Numbers;
use crate::common::program::{file, printed, refused};
use crate::common::tensors::distance;
use crate::common::tiny::model;
use crate::common::whole_run::plain;

/// A file of prompts, a line each.
fn prompts(folder: &Path, name: &str, texts: &[&str]) -> PathBuf {
    let lines: Vec<String> = texts.iter().map(|text| serde_json::json!({"base": text}).to_string()).collect();
    file(folder, name, &lines.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Runs `collect` and reads what it wrote.
fn collect(model: &Path, out: &Path, args: &[&str]) -> (String, Numbers) {
    let mut all = vec!["collect", "--model", model.to_str().unwrap(), "--out", out.to_str().unwrap(), "--quiet"];
    all.extend(args);
    (printed(&all), Numbers::open(out))
}

/// The mean of the rows, in f64.
fn mean(rows: &[f64], width: usize) -> Vec<f64> {
    let count = (rows.len() / width) as f64;
    (0..width).map(|at| rows.iter().skip(at).step_by(width).sum::<f64>() / count).collect()
}

const POSITIVE: [&str; 3] = ["Ann sat by the sea.", "Ann ran", "To Ann!"];

const NEGATIVE: [&str; 3] = ["Tom sat by the sea.", "Tom ran", "To Tom!"];

#[test]
fn a_direction_is_the_difference_in_means_at_every_site() {
    let model = model("llama");
    let folder = tempfile::tempdir().unwrap();
    let (positive, negative) = (prompts(folder.path(), "p", &POSITIVE), prompts(folder.path(), "n", &NEGATIVE));
    let [positive, negative] = [&positive, &negative].map(|path| path.to_str().unwrap());
    let sites = ["--sites", "all.block_output,1.mlp_activation", "--positions", "all", "--batch", "2"];
    let rows = [positive, negative].map(|inputs| {
        let out = folder.path().join("rows.safetensors");
        collect(model.path(), &out, &[&["--inputs", inputs][..], &sites[..]].concat()).1
    });
    let out = folder.path().join("steer.safetensors");
    let asked = ["--direction", "diff-means", "--positive", positive, "--negative", negative];
    let (said, found) = collect(model.path(), &out, &[&asked[..], &sites[..]].concat());
    assert!(said.contains("1.block_output: length "), "{said}");
    for site in ["0.block_output", "1.block_output", "1.mlp_activation"] {
        let [positive, negative] = [&rows[0], &rows[1]].map(|rows| rows.floats::<2>(site));
        let width = positive.dims()[1];
        let values = |rows: Tensor<2>| rows.into_data().iter::<f64>().collect::<Vec<f64>>();
        let (positive, negative) = (mean(&values(positive), width), mean(&values(negative), width));
        let found: Vec<f64> = found.floats::<1>(site).into_data().iter::<f64>().collect();
        let mut largest = 0.0_f64;
        for ((found, a), b) in found.iter().zip(positive).zip(negative) {
            assert!((found - (a - b)).abs() < 1e-6, "{site}: {found} is not {a} - {b}");
            largest = largest.max(found.abs());
        }
        assert!(largest > 1e-3, "{site}: there is no difference");
    }
    let asked = ["--direction", "pca:2", "--positive", positive, "--negative", negative];
    let last = ["--sites", "1.block_output", "--positions", "last"];
    let (said, found) = collect(model.path(), &out, &[&asked[..], &last[..]].concat());
    assert!(said.contains("% of the variance"), "{said}");
    let [first, second] = ["1.block_output", "1.block_output.1"].map(|name| found.floats::<1>(name));
    assert!((first.clone().powi_scalar(2).sum().into_scalar::<f32>() - 1.0).abs() < 1e-5);
    assert!((first * second).sum().into_scalar::<f32>().abs() < 1e-5);
    assert_eq!(found.floats::<1>("1.block_output.shares").dims(), [2]);
}

#[test]
fn malformed_directions_are_refused() {
    let model = model("llama");
    let folder = tempfile::tempdir().unwrap();
    let (positive, negative) = (prompts(folder.path(), "p", &POSITIVE), prompts(folder.path(), "n", &NEGATIVE[..2]));
    let out = folder.path().join("steer.safetensors");
    let [model, positive, negative, out_name] = [model.path(), &positive, &negative, &out].map(|p| p.to_str().unwrap());
    let collect = ["collect", "--model", model, "--out", out_name, "--positions", "last", "--quiet"];
    let pair = ["--positive", positive, "--negative", negative];
    let site = ["--sites", "1.block_output"];
    let refuse = |args: &[&[&str]], parts: &[&str]| refused(&[&collect[..], &args.concat()].concat(), parts);
    refuse(&[&["--direction", "pca:1"], &pair, &site], &["1.block_output", "3 positive rows and 2 negative rows"]);
    refuse(&[&["--direction", "pca:40", "--inputs", positive], &site], &["fewer than 40 components"]);
    refuse(&[&["--direction", "diff-means", "--inputs", positive], &site], &["--positive and --negative"]);
    refuse(&[&["--direction", "diff-means"], &pair, &["--sites", "1.head_value_output"]], &["whole rows"]);
    assert!(!out.exists());
    let generate = ["generate", "--model", model, "--prompt", "Ann", "--max-new-tokens", "2"];
    let rows = folder.path().join("rows.safetensors");
    printed(&[
        "collect",
        "--model",
        model,
        "--inputs",
        positive,
        "--sites",
        "1.block_output",
        "--positions",
        "last",
        "--out",
        rows.to_str().unwrap(),
    ]);
    refused(&[&generate[..], &["--with", rows.to_str().unwrap()]].concat(), &["rows.safetensors"]);
    let spec = file(
        folder.path(),
        "spec.toml",
        &["[[interventions]]\nsite = \"1.block_output\"\nkind = \"zero\"\ncoefficient = 2.0"],
    );
    refused(&[&generate[..], &["--with", spec.to_str().unwrap()]].concat(), &["spec.toml:4", "constant"]);
    let spec = file(folder.path(), "zero.toml", &["[[interventions]]\nsite = \"1.block_output\"\nkind = \"zero\""]);
    refused(&[&generate[..], &["--with", spec.to_str().unwrap(), "--coefficient", "2"]].concat(), &["no constant"]);
}

/// A steered generation is the model with the coefficient times the vector on every row, token by token.
#[test]
fn generation_adds_the_direction_to_every_token() {
    let folder = model("gpt2");
    let out = folder.path().join("steer.safetensors");
    let (positive, negative) = (prompts(folder.path(), "p", &POSITIVE), prompts(folder.path(), "n", &NEGATIVE));
    let [positive, negative] = [&positive, &negative].map(|path| path.to_str().unwrap());
    let site = Component::BlockOutput.at(0);
    let asked =
        ["--direction", "diff-means", "--positive", positive, "--negative", negative, "--sites", "0.block_output"];
    let (_, found) = collect(folder.path(), &out, &asked);
    let vector = found.floats::<1>("0.block_output");

    let (model, tokenizer) = (load(folder.path()), Tokenizer::load(folder.path()).unwrap());
    let base = "Ann sat by";
    let steered = |coefficient: f64| {
        let mut tokens = tokenizer.encode(base).unwrap();
        let start = tokens.len();
        for _ in 0..6 {
            let rows = Rows::same(1, &(0..tokens.len()).collect::<Vec<_>>()).unwrap();
            let added = vector.clone().unsqueeze::<3>() * coefficient;
            let mut patch = Patch::new(site, rows, |rows| rows.clone() + added.clone().expand(rows.dims()));
            let ids =
                TensorData::new(tokens.iter().map(|token| i64::from(*token)).collect::<Vec<_>>(), [1, tokens.len()]);
            let logits = plain(&model, Tensor::<2, Int>::from_data(ids, &Device::flex()), &mut patch);
            patch.finish().unwrap();
            let last = logits.narrow(1, tokens.len() - 1, 1).argmax(2).into_data().iter::<i64>().next().unwrap();
            tokens.push(last as u32);
        }
        tokenizer.text(&tokens[start..])
    };
    let generate = |args: &[&str]| {
        let model = folder.path().to_str().unwrap();
        let plain = ["generate", "--model", model, "--prompt", base, "--max-new-tokens", "6"];
        printed(&[&plain[..], args].concat()).trim_end_matches('\n').to_owned()
    };
    let with = ["--with", out.to_str().unwrap()];
    let mut different = 0;
    for coefficient in [0.0, 1.0, 40.0, -40.0] {
        let text = coefficient.to_string();
        let said = generate(&[&with[..], &["--coefficient", &text]].concat());
        assert_eq!(said, steered(coefficient), "{coefficient}");
        different += usize::from(said != steered(0.0));
    }
    assert!(different > 0, "the direction changed nothing");
    assert_eq!(generate(&with), steered(1.0));
    assert_eq!(generate(&[&with[..], &["--coefficient", "0"]].concat()), generate(&[]));

    // A specification states the direction as an addition with a constant.
    let inputs = prompts(folder.path(), "inputs", &[base]);
    let spec = "[[interventions]]\nsite = \"0.block_output\"\nkind = \"addition\"\nconstant = { file = \"steer.safetensors\", \
                tensor = \"0.block_output\" }\ncoefficient = -2.5\npositions = \"all\"\n";
    let spec = file(folder.path(), "spec.toml", &[spec]);
    let applied = folder.path().join("applied.safetensors");
    let [spec, inputs, applied_name] = [&spec, &inputs, &applied].map(|path| path.to_str().unwrap());
    let model_name = folder.path().to_str().unwrap();
    printed(&["apply", spec, "--model", model_name, "--inputs", inputs, "--out", applied_name]);
    let tokens = tokenizer.encode(base).unwrap();
    let rows = Rows::same(1, &(0..tokens.len()).collect::<Vec<_>>()).unwrap();
    let mut patch =
        Patch::new(site, rows, |rows| rows.clone() + (vector.clone().unsqueeze::<3>() * -2.5).expand(rows.dims()));
    let ids = TensorData::new(tokens.iter().map(|token| i64::from(*token)).collect::<Vec<_>>(), [1, tokens.len()]);
    let logits = plain(&model, Tensor::<2, Int>::from_data(ids, &Device::flex()), &mut patch);
    let last: Tensor<2> = logits.narrow(1, tokens.len() - 1, 1).squeeze_dim(1);
    assert!(distance(&Numbers::open(&applied).floats::<2>("logits"), &last) < 1e-5);
    assert!(model.n_layers() > 1);
}

/// With directions from twelve sentences about women and men, the pronoun of a student is steered either way.
#[test]
fn smollm2_is_steered_to_she_and_to_he() {
    let Some(model) = smollm2() else { return };
    let folder = tempfile::tempdir().unwrap();
    let about = |names: [&str; 6]| names.map(|name| format!("Yesterday, {name} went home early because"));
    let women = about(["Mary", "Anna", "Kate", "Julia", "Emma", "Laura"]);
    let men = about(["John", "Peter", "Bob", "Paul", "Mark", "Tom"]);
    let write = |name: &str, texts: &[String; 6]| prompts(folder.path(), name, &texts.each_ref().map(String::as_str));
    let (women, men) = (write("women", &women), write("men", &men));
    let prompt = "The student was late today because";
    let inputs = prompts(folder.path(), "inputs", &[prompt]);
    let tokenizer = Tokenizer::load(&model).unwrap();
    let [she, he] = [" she", " he"].map(|word| tokenizer.single(word).unwrap() as usize);
    for direction in ["diff-means", "pca:1"] {
        let out = folder.path().join(format!("{direction}.safetensors"));
        let asked =
            ["--direction", direction, "--positive", women.to_str().unwrap(), "--negative", men.to_str().unwrap()];
        let at = ["--sites", "25.block_output", "--positions", "last"];
        let (_, found) = collect(&model, &out, &[&asked[..], &at[..]].concat());
        // Both directions are scaled to the length of the difference in means.
        let length = found.floats::<1>("25.block_output").powi_scalar(2).sum().sqrt().into_scalar::<f32>();
        let unit = if direction == "diff-means" { 1.0 } else { 98.0 / f64::from(length) };
        let difference = |coefficient: f64| {
            let spec = format!(
                "[[interventions]]\nsite = \"25.block_output\"\nkind = \"addition\"\nconstant = {{ file = \"{direction}.safetensors\", \
                 tensor = \"25.block_output\" }}\ncoefficient = {coefficient:.4}\npositions = \"all\"\n"
            );
            let spec = file(folder.path(), "spec.toml", &[&spec]);
            let applied = folder.path().join("applied.safetensors");
            let [spec, inputs, applied_name] = [&spec, &inputs, &applied].map(|path| path.to_str().unwrap());
            printed(&[
                "apply",
                spec,
                "--model",
                model.to_str().unwrap(),
                "--inputs",
                inputs,
                "--out",
                applied_name,
                "--quiet",
            ]);
            let logits: Vec<f32> = Numbers::open(&applied).floats::<2>("logits").into_data().iter::<f32>().collect();
            logits[she] - logits[he]
        };
        let [less, plain, more] = [-1.0, 0.0, 1.0].map(|coefficient| difference(unit * coefficient));
        eprintln!("{direction}: length {length:.2}, she less he {less:.2}, {plain:.2}, {more:.2}");
        assert!(less < plain - 5.0 && plain + 5.0 < more, "{direction}: {less} {plain} {more}");
        assert!(less < 0.0 && more > 0.0, "{direction}: {less} {more}");
        for (coefficient, word) in [(1.0, " she"), (-1.0, " he")] {
            let said = printed(&[
                "generate",
                "--model",
                model.to_str().unwrap(),
                "--prompt",
                prompt,
                "--max-new-tokens",
                "1",
                "--with",
                out.to_str().unwrap(),
                "--coefficient",
                &(unit * coefficient).to_string(),
            ]);
            assert_eq!(said.trim_end_matches('\n'), word, "{direction}");
        }
    }
    assert!(fs::read_dir(folder.path()).unwrap().count() > 4);
}
