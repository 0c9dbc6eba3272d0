//! The commands for a language model, on the fixtures' tiny ones: what they find is what plain runs find.

mod common;
#[path = "common/tiny.rs"]
mod tiny;

use std::cell::RefCell;
use std::fs;
use std::path::Path;

use burn::tensor::{Device, Int, Tensor, TensorData};
use common::{Numbers, distance, fixtures, load, plain};
use intervene::data::Tokenizer;
use intervene::models::{FrozenModel, GenerateOptions, Generation};
use intervene::tap::{Component, Patch, Record, Rows, Site};
use intervene::tools::{self, PatchOptions, TraceKind, TraceOptions};
use tiny::{choice, file, model, printed};

const BASE: &str = "Ann sat by the sea.";
const SOURCE: &str = "Tom sat by the sea.";

fn tensor(prompts: &[Vec<u32>]) -> Tensor<2, Int> {
    let longest = prompts.iter().map(Vec::len).max().unwrap();
    let ids = prompts.iter().flat_map(|prompt| {
        prompt.iter().map(|token| i64::from(*token)).chain(std::iter::repeat_n(0, longest - prompt.len()))
    });
    Tensor::from_data(TensorData::new(ids.collect(), [prompts.len(), longest]), &Device::flex())
}

fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

#[test]
fn sites_are_those_of_the_model() {
    for family in ["llama", "gpt2", "gemma2", "qwen3"] {
        let folder = fixtures().join(family);
        let model = load(&folder);
        let table = printed(&["sites", folder.to_str().unwrap()]);
        assert!(table.starts_with(&format!("{family}, {} layers", model.n_layers())), "{table}");
        for component in Component::ALL {
            let line = table.lines().find(|line| line.split_whitespace().next() == Some(component.name()));
            assert_eq!(line.is_some(), model.site_shape(component).is_some(), "{component}: {table}");
            let (Some(line), Some(shape)) = (line, model.site_shape(component)) else { continue };
            let fields: Vec<&str> = line.split_whitespace().skip(1).collect();
            let width = if component.is_head() { shape.width / shape.heads.unwrap() } else { shape.width };
            assert_eq!(fields[0], width.to_string(), "{line}");
        }
    }
    let table = printed(&["sites", fixtures().join("llama").to_str().unwrap()]);
    assert!(table.lines().any(|line| line.split_whitespace().eq(["key_output", "16", "2"])), "{table}");
    assert!(table.lines().any(|line| line.split_whitespace().eq(["head_key_output", "8", "one"])), "{table}");
}

/// Every cell of a patch's heatmap, begun in its layer and at its position, is the full run with that one row replaced.
#[test]
fn patch_is_a_full_run_for_every_cell() {
    for family in ["llama", "gpt2", "gemma2", "gpt_neox"] {
        let folder = model(family);
        let (model, tokenizer) = (load(folder.path()), Tokenizer::load(folder.path()).unwrap());
        let (base, source) = (tokenizer.encode(BASE).unwrap(), tokenizer.encode(SOURCE).unwrap());
        let (base, source) = (tensor(&[base]), tensor(&[source]));
        let [_, tokens] = base.dims();
        let (answer, foil) = (tokenizer.single("a").unwrap() as usize, tokenizer.single("b").unwrap() as usize);
        let difference = |logits: Tensor<3>| {
            let last = floats(logits.narrow(1, tokens - 1, 1));
            f64::from(last[answer]) - f64::from(last[foil])
        };
        let d_base = difference(plain(&model, base.clone(), &mut ()));
        let d_source = difference(plain(&model, source.clone(), &mut ()));
        for component in [
            Component::BlockOutput,
            Component::BlockInput,
            Component::MlpActivation,
            Component::AttentionOutput,
            Component::KeyOutput,
            Component::AttentionValueOutput,
        ] {
            let out = folder.path().join("out");
            let options = PatchOptions {
                model: choice(folder.path()),
                base: BASE.to_owned(),
                source: SOURCE.to_owned(),
                component,
                answer: Some("a".to_owned()),
                foil: Some("b".to_owned()),
                out: Some(out.clone()),
                quiet: true,
            };
            let patched = tools::patch(&options).unwrap();
            let (mut moved, mut off) = (0, 0.0_f64);
            for layer in 0..model.n_layers() {
                for position in 0..tokens {
                    let rows = Rows::same(1, &[position]).unwrap();
                    let mut record = Record::new(component.at(layer), rows.clone());
                    plain(&model, source.clone(), &mut record);
                    let taken = record.take().unwrap();
                    let mut patch = Patch::new(component.at(layer), rows, |_| taken.clone());
                    let d = difference(plain(&model, base.clone(), &mut patch));
                    let found = patched.heatmap.values[layer][position].unwrap();
                    off = off.max((found * (d_source - d_base) - (d - d_base)).abs());
                    moved += usize::from((d - d_base).abs() > 1e-3);
                }
            }
            assert!(off < 2e-5, "{family}: {component} is off by {off}");
            assert!(moved > 0, "{family}: {component} moved nothing");
            assert!(fs::read(out.join("patch.png")).unwrap().starts_with(b"\x89PNG"));
            assert_eq!(fs::read_to_string(out.join("patch.csv")).unwrap(), patched.heatmap.csv());
        }
    }
}

#[test]
fn patch_prints_its_heatmap() {
    let folder = model("llama");
    let path = folder.path().to_str().unwrap();
    let text = printed(&["patch", "--model", path, "--base", BASE, "--source", SOURCE, "--answer", "a", "--foil", "b"]);
    assert!(text.contains("logit of `a` minus logit of `b`"), "{text}");
    assert!(text.contains("0 Ann/Tom"), "{text}");
    assert_eq!(text.lines().count(), 2 + 2 + 2, "{text}");
}

fn traced(folder: &Path, prompt: &str, subject: &str, change: impl FnOnce(&mut TraceOptions)) -> tools::Traced {
    let mut options = TraceOptions {
        model: choice(folder),
        prompt: prompt.to_owned(),
        subject: subject.to_owned(),
        answer: None,
        samples: 3,
        noise: 3.0,
        window: 1,
        kind: TraceKind::All,
        seed: 5,
        out: None,
        quiet: true,
    };
    change(&mut options);
    tools::trace(&options).unwrap()
}

#[test]
fn trace_restores_what_must_come_back() {
    for family in ["llama", "gpt2"] {
        let folder = model(family);
        let out = folder.path().join("out");
        let all = traced(folder.path(), "the sea Ann", " Ann", |options| options.out = Some(out.clone()));
        let (clean, corrupted) = all.probabilities;
        assert!((clean - corrupted).abs() > 1e-3, "{family}: the noise does nothing");
        assert_eq!(all.heatmaps.len(), 3);
        for (map, name) in all.heatmaps.iter().zip(["states", "mlp", "attention"]) {
            assert_eq!(fs::read_to_string(out.join(format!("trace_{name}.csv"))).unwrap(), map.csv());
            assert!(out.join(format!("trace_{name}.png")).is_file());
            assert!(map.columns[map.columns.len() - 1].ends_with("Ann*"), "{:?}", map.columns);
            for row in &map.values {
                let before = &row[..row.len() - 1];
                assert!(before.iter().all(|value| *value == Some(corrupted)), "{family}: before the subject");
            }
        }
        // The subject is the last token: with any state of its restored, the rest of the run is the clean one.
        for row in &all.heatmaps[0].values {
            assert!((row[row.len() - 1].unwrap() - clean).abs() < 1e-5, "{family}: {row:?} instead of {clean}");
        }
        // One MLP alone does not bring it back.
        let mlp = all.heatmaps[1].values[0].last().unwrap().unwrap();
        assert!((mlp - clean).abs() > 1e-4, "{family}: {mlp}");

        // The subject is the first token: the last state of the last layer is what the logits are made of.
        let first = traced(folder.path(), "Ann sat", "Ann", |options| options.kind = TraceKind::States);
        let (clean, corrupted) = first.probabilities;
        let last = first.heatmaps[0].values.last().unwrap();
        assert!((last[last.len() - 1].unwrap() - clean).abs() < 1e-6);
        assert!(last[..last.len() - 1].iter().all(|value| (value.unwrap() - corrupted).abs() < 1e-6));
    }
}

#[test]
fn trace_restores_windows() {
    let folder = model("llama");
    let run = |window: usize| traced(folder.path(), "Ann sat", "Ann", |options| options.window = window);
    // Of two layers a window of two, centred on layer 1, takes both, and on layer 0 the first alone.
    let (one, two) = (run(1), run(2));
    for kind in [1, 2] {
        assert_eq!(one.heatmaps[kind].values[0], two.heatmaps[kind].values[0]);
        assert_ne!(one.heatmaps[kind].values[1], two.heatmaps[kind].values[1]);
        assert_eq!(run(4).heatmaps[kind].values, vec![two.heatmaps[kind].values[1].clone(); 2]);
    }
}

#[test]
fn the_noise_is_that_of_its_seed() {
    let folder = model("gpt2");
    let run = |seed: u64| traced(folder.path(), "Ann sat", "Ann", |options| options.seed = seed).probabilities;
    assert_eq!(run(1), run(1));
    assert_ne!(run(1).1, run(2).1);
    let hardly = traced(folder.path(), "Ann sat", "Ann", |options| options.noise = 1e-6);
    assert!((hardly.probabilities.0 - hardly.probabilities.1).abs() < 1e-5);
    assert!(
        hardly
            .heatmaps
            .iter()
            .flat_map(|map| &map.values)
            .flatten()
            .all(|value| { (value.unwrap() - hardly.probabilities.0).abs() < 1e-5 })
    );
}

#[test]
fn collect_writes_what_a_run_has_there() {
    let folder = model("llama");
    let (model, tokenizer) = (load(folder.path()), Tokenizer::load(folder.path()).unwrap());
    let lines = [
        r#"{"base": "Ann sat."}"#,
        r#"{"base": [3, 4, 5, 6, 7, 8, 9], "positions": [-1, 2]}"#,
        "",
        r#"{"base": "Tom sat by the sea", "positions": "text:the"}"#,
    ];
    let inputs = file(folder.path(), "inputs.jsonl", &lines);
    let out = folder.path().join("collected.safetensors");
    let collect = |batch: &str| {
        printed(&[
            "collect",
            "--model",
            folder.path().to_str().unwrap(),
            "--inputs",
            inputs.to_str().unwrap(),
            "--sites",
            "all.block_output,1.head_key_output,0.mlp_activation",
            "--out",
            out.to_str().unwrap(),
            "--positions",
            "0,last",
            "--batch",
            batch,
        ])
    };
    let sea = tokenizer.encode("Tom sat by the sea").unwrap();
    let the = tokenizer.positions("Tom sat by the sea", "the", 0).unwrap();
    let ann = tokenizer.encode("Ann sat.").unwrap();
    let expected: Vec<(usize, usize, Vec<u32>)> = [0, ann.len() - 1]
        .map(|at| (0, at, ann.clone()))
        .into_iter()
        .chain([6, 2].map(|at| (1, at, vec![3, 4, 5, 6, 7, 8, 9])))
        .chain(the.map(|at| (2, at, sea.clone())))
        .collect();
    for batch in ["1", "8"] {
        let said = collect(batch);
        assert!(said.contains("7 rows of 3 inputs at 4 sites"), "{said}");
        assert!(!folder.path().join("collected.safetensors.partial").exists());
        let numbers = Numbers::open(&out);
        let column = |name: &str| floats(numbers.floats::<1>(name)).into_iter().map(|x| x as usize).collect::<Vec<_>>();
        assert_eq!(column("example"), expected.iter().map(|row| row.0).collect::<Vec<_>>());
        assert_eq!(column("position"), expected.iter().map(|row| row.1).collect::<Vec<_>>());
        assert_eq!(column("token"), expected.iter().map(|row| row.2[row.1] as usize).collect::<Vec<_>>());
        assert_eq!(numbers.floats::<3>("1.head_key_output").dims(), [7, 2, 8]);
        let keys = numbers.floats::<3>("1.head_key_output").reshape([7, 16]);
        for (row, (_, position, tokens)) in expected.iter().enumerate() {
            let of = |site: Site| {
                let mut record = Record::new(site, Rows::same(1, &[*position]).unwrap());
                plain(&model, tensor(std::slice::from_ref(tokens)), &mut record);
                record.take().unwrap().squeeze_dim::<2>(0)
            };
            for site in [Component::BlockOutput.at(0), Component::BlockOutput.at(1), Component::MlpActivation.at(0)] {
                let found = numbers.floats::<2>(&site.to_string()).narrow(0, row, 1);
                let off = distance(&found, &of(site));
                assert!(off < 1e-5, "{site} of row {row} is off by {off}");
            }
            let off = distance(&keys.clone().narrow(0, row, 1), &of(Component::KeyOutput.at(1)));
            assert!(off < 1e-5, "the keys of row {row} are off by {off}");
        }
    }
}

#[test]
fn generate_streams_what_the_model_says() {
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

const SPEC: &str = r#"
[[interventions]]
site = "0.block_output"
kind = "vanilla"
positions = "text:Ann"
source_positions = "text:Tom"

[[interventions]]
site = "1.head_attention_value_output"
heads = [2, 0]
kind = "zero"
positions = "last"

[[interventions]]
site = "1.block_output"
kind = "collect"
positions = [0, "last"]
subspace = [3, 1]
"#;

#[test]
fn apply_saves_what_the_edited_model_says() {
    let folder = model("llama");
    let (model, tokenizer) = (load(folder.path()), Tokenizer::load(folder.path()).unwrap());
    let spec = file(folder.path(), "spec.toml", &[SPEC]);
    let pairs = [("Ann sat.", "Tom sat by the sea"), ("the sea, Ann", "Tom"), ("Ann sat by Tom", "by Tom")];
    let lines: Vec<String> =
        pairs.iter().map(|(base, source)| format!("{{\"base\": \"{base}\", \"sources\": [\"{source}\"]}}")).collect();
    let inputs = file(folder.path(), "inputs.jsonl", &lines.iter().map(String::as_str).collect::<Vec<_>>());
    let out = folder.path().join("applied.safetensors");
    for batch in ["1", "8"] {
        let said = printed(&[
            "apply",
            spec.to_str().unwrap(),
            "--model",
            folder.path().to_str().unwrap(),
            "--inputs",
            inputs.to_str().unwrap(),
            "--out",
            out.to_str().unwrap(),
            "--logits",
            "0,last",
            "--batch",
            batch,
        ]);
        assert!(said.contains("3 inputs, 6 rows of logits, 6 rows of 1.block_output"), "{said}");
        assert_eq!(said.matches("before").count(), 3, "{said}");
        let numbers = Numbers::open(&out);
        let found = numbers.floats::<2>("logits");
        let collected = numbers.floats::<2>("collected.2.1.block_output");
        for (at, (base, source)) in pairs.iter().enumerate() {
            let (tokens, from) = (tokenizer.encode(base).unwrap(), tokenizer.encode(source).unwrap());
            let place = |text: &str, part: &str| tokenizer.positions(text, part, 0).unwrap().collect::<Vec<_>>();
            let last = tokens.len() - 1;
            let rows = Rows::same(1, &place(source, "Tom")).unwrap();
            let mut record = Record::new(Component::BlockOutput.at(0), rows);
            plain(&model, tensor(&[from]), &mut record);
            let taken = record.take().unwrap();
            let to = Rows::same(1, &place(base, "Ann")).unwrap();
            let heads = Rows::heads(&[vec![(2, last), (0, last)]], 4).unwrap();
            let mut swap = Patch::new(Component::BlockOutput.at(0), to, |_| taken.clone());
            let mut zero = Patch::new(Component::AttentionValueOutput.at(1), heads, |rows| rows.zeros_like());
            let mut record = Record::new(Component::BlockOutput.at(1), Rows::same(1, &[0, last]).unwrap());
            let expected = {
                let cell = RefCell::new((&mut swap, &mut zero, &mut record));
                let mut all = |site: Site, x: Tensor<3>| {
                    use intervene::tap::Tap;
                    let (swap, zero, record) = &mut *cell.borrow_mut();
                    let x = swap.visit(site, x);
                    let x = zero.visit(site, x);
                    record.visit(site, x)
                };
                plain(&model, tensor(std::slice::from_ref(&tokens)), &mut all).squeeze_dim::<2>(0)
            };
            swap.finish().unwrap();
            zero.finish().unwrap();
            let clean = plain(&model, tensor(&[tokens]), &mut ()).squeeze_dim::<2>(0);
            for (row, position) in [(2 * at, 0), (2 * at + 1, last)] {
                let found = found.clone().narrow(0, row, 1);
                let off = distance(&found, &expected.clone().narrow(0, position, 1));
                assert!(off < 1e-5, "logits of example {at} at {position} are off by {off}");
                if position == last {
                    assert!(distance(&found, &clean.clone().narrow(0, position, 1)) > 1e-3);
                }
            }
            let rows = record.take().unwrap().squeeze_dim::<2>(0);
            let columns = Tensor::cat(vec![rows.clone().narrow(1, 3, 1), rows.narrow(1, 1, 1)], 1);
            let off = distance(&collected.clone().narrow(0, 2 * at, 2), &columns);
            assert!(off < 1e-5, "what is collected of example {at} is off by {off}");
        }
    }
}

#[test]
fn generate_goes_on_under_interventions() {
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
