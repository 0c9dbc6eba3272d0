//! Every family computes what transformers computes, and its sites are where pyvene has them.

mod common;

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use burn::tensor::{Int, Tensor};
use common::{Numbers, distance, families, families_in, load, logits, name, plain};
use intervene::Error;
use intervene::models::{Context, FrozenModel, GenerateOptions, Generation, LanguageModel, Pretrained, Sampling};
use intervene::tap::{Component, Patch, Record, Rows, Site};
use serde_json::Value;

const WHOLE: [Component; 12] = [
    Component::BlockInput,
    Component::BlockOutput,
    Component::MlpInput,
    Component::MlpActivationInput,
    Component::MlpActivation,
    Component::MlpOutput,
    Component::AttentionInput,
    Component::AttentionOutput,
    Component::AttentionValueOutput,
    Component::QueryOutput,
    Component::KeyOutput,
    Component::ValueOutput,
];

#[test]
fn logits_and_hidden_states_are_those_of_transformers() {
    for folder in all() {
        let (model, io) = (load(&folder), Numbers::open(&folder.join("io.safetensors")));
        for input in 0.. {
            if !io.has(&format!("input_ids.{input}")) {
                assert!(input > 0);
                break;
            }
            let tokens = io.ints(&format!("input_ids.{input}"));
            let states = RefCell::new(Vec::new());
            let got = plain(&model, tokens, &mut |site: Site, x: Tensor<3>| {
                if site.component == Component::BlockInput {
                    states.borrow_mut().push(x.clone());
                }
                if site == Component::BlockOutput.at(model.n_layers() - 1) {
                    states.borrow_mut().push(model.norm(x.clone()));
                }
                x
            });
            let off = distance(&got, &io.floats(&format!("logits.{input}")));
            assert!(off < 1e-4, "{}: logits of input {input} are off by {off}", name(&folder));
            let states = states.into_inner();
            assert_eq!(states.len(), model.n_layers() + 1);
            for (layer, state) in states.iter().enumerate() {
                let off = distance(state, &io.floats(&format!("hidden.{input}.{layer}")));
                assert!(off < 1e-4, "{}: state {layer} of input {input} is off by {off}", name(&folder));
            }
        }
    }
}

#[test]
fn left_padded_batches_are_those_of_transformers() {
    for folder in all() {
        let (model, io) = (load(&folder), Numbers::open(&folder.join("io.safetensors")));
        let mask: Vec<Vec<bool>> =
            io.rows("leftpad.attention_mask").iter().map(|row| row.iter().map(|real| *real == 1).collect()).collect();
        let mut context = Context::padded(&mask);
        for (row, expected) in context.positions().iter().zip(io.rows("leftpad.position_ids")) {
            assert!(row.iter().zip(expected).all(|(at, expected)| *at < 0 || *at == expected));
        }
        let got = logits(&model, io.ints("input_ids.0"), &mut context, &mut ());
        let expected: Tensor<3> = io.floats("leftpad.logits");
        let mut compared = 0;
        for (example, row) in mask.iter().enumerate() {
            for (place, _) in row.iter().enumerate().filter(|(_, real)| **real) {
                let at = |logits: &Tensor<3>| logits.clone().narrow(0, example, 1).narrow(1, place, 1);
                let off = distance(&at(&got), &at(&expected));
                assert!(off < 1e-4, "{}: example {example} at {place} is off by {off}", name(&folder));
                compared += 1;
            }
        }
        assert!(compared > 0 && compared < mask.len() * mask[0].len());
    }
}

#[test]
fn greedy_tokens_are_those_of_transformers() {
    for folder in all() {
        let (model, io) = (load(&folder), Numbers::open(&folder.join("io.safetensors")));
        let prompts = tokens_of(&io.rows("input_ids.0"));
        let expected = tokens_of(&io.rows("greedy8"));
        let new = expected[0].len() - prompts[0].len();
        let options = GenerateOptions { max_new_tokens: new, ..Default::default() };
        let outputs =
            Generation::new(&model, &prompts, options, &burn::tensor::Device::flex()).unwrap().finish(&mut ()).unwrap();
        for (example, output) in outputs.iter().enumerate() {
            assert_eq!(*output, expected[example][prompts[0].len()..], "{}: example {example}", name(&folder));
        }
    }
}

#[test]
fn vanilla_interchanges_are_those_of_pyvene() {
    for folder in families() {
        let (model, io) = (load(&folder), Numbers::open(&folder.join("io.safetensors")));
        let cases = Numbers::open(&folder.join("cases.safetensors"));
        let index: Vec<Value> = serde_json::from_slice(&std::fs::read(folder.join("index.json")).unwrap()).unwrap();
        let mut seen = 0;
        for component in Component::ALL {
            let id = format!("{component}.Vanilla");
            let Some(case) = index.iter().find(|case| case["id"] == id.as_str()) else { continue };
            let layer = case["representations"][0]["layer"].as_u64().unwrap() as usize;
            let site = component.at(layer);
            let tokens = |input: &Value| io.ints(&format!("input_ids.{input}"));
            let from = rows(&model, component, &case["unit_locations"]["sources->base"][0][0]);
            let to = rows(&model, component, &case["unit_locations"]["sources->base"][1][0]);
            let mut record = Record::new(site, from);
            plain(&model, tokens(&case["sources"][0]), &mut record);
            let taken = record.take().unwrap();
            let mut patch = Patch::new(site, to, |_| taken.clone());
            let got = plain(&model, tokens(&case["base"]), &mut patch);
            patch.finish().unwrap();

            let wrong = case["manual_ref_maxabs_diff"].as_f64().is_some_and(|off| off > 1e-4);
            let key = if wrong { "manual_ref_logits" } else { "logits" };
            let off = distance(&got, &cases.floats(case[key].as_str().unwrap()));
            assert!(off < 1e-4, "{}: {id} is off by {off}", name(&folder));
            assert!(case["effect_maxabs"].as_f64().unwrap() > 1e-3);
            seen += 1;
        }
        println!("{}: {seen} components", name(&folder));
        assert!(seen >= 9);
    }
}

#[test]
fn every_component_is_visited_once_with_its_shape_and_an_identity_patch_changes_nothing() {
    for folder in all() {
        let (model, io) = (load(&folder), Numbers::open(&folder.join("io.safetensors")));
        let tokens: Tensor<2, Int> = io.ints("input_ids.0");
        let [batch, seq] = tokens.dims();
        let clean = plain(&model, tokens.clone(), &mut ());
        let mut visits = Vec::new();
        plain(&model, tokens.clone(), &mut |site: Site, x: Tensor<3>| {
            let shape = model.site_shape(site.component).unwrap();
            assert_eq!(x.dims(), [batch, seq, shape.width], "{}: {site}", name(&folder));
            visits.push(site);
            x
        });
        visits.sort();
        let mut expected: Vec<Site> =
            (0..model.n_layers()).flat_map(|layer| WHOLE.map(|component| component.at(layer))).collect();
        expected.sort();
        assert_eq!(visits, expected, "{}", name(&folder));
        for site in expected {
            let mut patch = Patch::new(site, Rows::same(batch, &[seq - 1, 1]).unwrap(), |rows| rows);
            let got = plain(&model, tokens.clone(), &mut patch);
            patch.finish().unwrap();
            assert_eq!(distance(&got, &clean), 0.0, "{}: {site}", name(&folder));
        }
    }
}

#[test]
fn prefix_and_suffix_make_the_full_run() {
    for folder in all() {
        let (model, io) = (load(&folder), Numbers::open(&folder.join("io.safetensors")));
        let tokens: Tensor<2, Int> = io.ints("input_ids.1");
        let [batch, seq] = tokens.dims();
        let clean = plain(&model, tokens.clone(), &mut ());
        for cut in 0..=model.n_layers() {
            let context = || Context::full(batch, seq);
            let hidden = model.embed(tokens.clone(), &context());
            let hidden = model.layers(hidden, 0..cut, &mut context(), &mut ());
            let hidden = model.layers(hidden, cut..model.n_layers(), &mut context(), &mut ());
            assert_eq!(distance(&model.unembed(hidden), &clean), 0.0, "{}: cut at {cut}", name(&folder));
        }
    }
}

#[test]
fn tails_with_a_memory_are_the_full_run() {
    for folder in all() {
        let (model, io) = (load(&folder), Numbers::open(&folder.join("io.safetensors")));
        let tokens: Tensor<2, Int> = io.ints("input_ids.2");
        let [batch, seq] = tokens.dims();
        let whole = model.embed(tokens, &Context::full(batch, seq));
        let layers = model.n_layers();
        for (layer, first) in [(0, [3, 5]), (1, [5, 1]), (1, [0, 4]), (0, [5, 5]), (1, [0, 0]), (1, [2, 3])] {
            let hidden = model.layers(whole.clone(), 0..layer, &mut Context::full(batch, seq), &mut ());
            let mut full = Context::full(batch, seq).keeping();
            let expected = model.layers(hidden.clone(), layer..layers, &mut full, &mut ());
            let memory = full.into_memory().before(&first);

            let lengths = first.map(|first| seq - first);
            let mut context = Context::tail(&first, &lengths, memory);
            let longest = *lengths.iter().max().unwrap();
            let place = |e: usize, i: usize| (first[e] + i).min(seq - 1);
            let rows = (0..batch).map(|e| (0..longest).map(|i| place(e, i)).collect()).collect();
            let tail = Rows::positions(rows).unwrap();
            let got = model.layers(tail.gather(hidden), layer..layers, &mut context, &mut ());
            let expected = tail.gather(expected);
            for (e, length) in lengths.iter().enumerate() {
                let of = |x: &Tensor<3>| x.clone().narrow(0, e, 1).narrow(1, 0, *length);
                // Relative to the states, which reach 20 before the final norm: there, two full runs of the same tokens in
                // batches of 2 and of 1 already differ by up to 1.1e-5, from the order of sums alone.
                let size = of(&expected).abs().max().into_scalar::<f32>();
                let off = distance(&of(&got), &of(&expected)) / size;
                assert!(off < 5e-6, "{}: layer {layer}, tails from {first:?}: off by {off}", name(&folder));
            }
        }
    }
}

#[test]
fn gradients_through_a_tail_are_those_of_the_full_run() {
    for folder in all() {
        let (model, io) = (load(&folder), Numbers::open(&folder.join("io.safetensors")));
        let tokens: Tensor<2, Int> = io.ints("input_ids.2");
        let [batch, seq] = tokens.dims();
        let (layers, last, first) = (model.n_layers(), seq - 1, [2, 4]);
        let hidden = model.embed(tokens, &Context::full(batch, seq));
        let mut full = Context::full(batch, seq).keeping();
        model.layers(hidden.clone(), 0..layers, &mut full, &mut ());
        let memory = full.into_memory().before(&first);

        // A tracked vector is added at each example's first position; the loss is the last position's logits, squared.
        let gradient = |hidden: Tensor<3>, mut context: Context, at: [usize; 2], last: [usize; 2]| {
            let device = burn::tensor::Device::flex().autodiff();
            let vector = Tensor::<3>::ones([1, 1, model.dimensions().d_model], &device).require_grad();
            let rows = Rows::positions(at.map(|at| vec![at]).to_vec()).unwrap();
            let mut patch = Patch::new(Component::BlockInput.at(0), rows, |rows| rows + vector.clone() * 0.1);
            let hidden = model.layers(hidden, 0..layers, &mut context, &mut patch);
            patch.finish().unwrap();
            let last = Rows::positions(last.map(|at| vec![at]).to_vec()).unwrap();
            let logits = model.unembed(last.gather(hidden));
            vector.grad(&(logits.clone() * logits).sum().backward()).unwrap()
        };
        let expected = gradient(hidden.clone(), Context::full(batch, seq), first, [last; 2]);
        let lengths = first.map(|first| seq - first);
        let rows = first.map(|first| (0..4).map(|i| (first + i).min(last)).collect()).to_vec();
        let tail = Rows::positions(rows).unwrap().gather(hidden);
        let got = gradient(tail, Context::tail(&first, &lengths, memory), [0; 2], lengths.map(|length| length - 1));
        let size = expected.clone().abs().max().into_scalar::<f32>();
        let off = distance(&got, &expected) / size;
        assert!(size > 1e-2 && off < 1e-5, "{}: off by {off} of {size}", name(&folder));
    }
}

#[test]
fn decoding_step_by_step_is_the_full_run() {
    for folder in all() {
        let (model, io) = (load(&folder), Numbers::open(&folder.join("io.safetensors")));
        let tokens: Tensor<2, Int> = io.ints("greedy8");
        let [batch, seq] = tokens.dims();
        let clean = plain(&model, tokens.clone(), &mut ());
        let mut context = Context::full(batch, 3).keeping();
        let mut got = vec![logits(&model, tokens.clone().narrow(1, 0, 3), &mut context, &mut ())];
        for at in 3..seq {
            context.advance(vec![vec![at as i64]; batch]);
            got.push(logits(&model, tokens.clone().narrow(1, at, 1), &mut context, &mut ()));
        }
        let off = distance(&Tensor::cat(got, 1), &clean);
        assert!(off < 1e-5, "{}: off by {off}", name(&folder));
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
            Generation::new(&model, prompts, options, &burn::tensor::Device::flex()).unwrap().finish(&mut ()).unwrap()
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
    let device = burn::tensor::Device::flex();
    let draw = |prompts: &[Vec<u32>], temperature: f64, top_p: f64, seed: u64| {
        let sampling = Sampling::Random { temperature, top_p, seed };
        let options = GenerateOptions { max_new_tokens: 8, sampling, ..Default::default() };
        Ok::<_, Error>(Generation::new(&model, prompts, options, &device)?.finish(&mut ())?)
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
    let folder = common::fixtures().join("gpt2");
    let (model, io) = (load(&folder), Numbers::open(&folder.join("io.safetensors")));
    let prompts = tokens_of(&io.rows("input_ids.0"));
    let device = burn::tensor::Device::flex();
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

/// The families of pyvene's fixtures, and those that only transformers has been asked about.
fn all() -> Vec<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/transformers");
    [families(), families_in(&own)].concat()
}

fn tokens_of(rows: &[Vec<i64>]) -> Vec<Vec<u32>> {
    rows.iter().map(|row| row.iter().map(|token| *token as u32).collect()).collect()
}

/// pyvene's locations of one intervention: positions per example, or a pair of heads and positions.
fn rows(model: &Pretrained, component: Component, locations: &Value) -> Rows {
    let lists = |value: &Value| -> Vec<Vec<usize>> { serde_json::from_value(value.clone()).unwrap() };
    if !component.is_head() {
        return Rows::positions(lists(locations)).unwrap();
    }
    let heads = model.site_shape(component).unwrap().heads.unwrap();
    let units: Vec<Vec<(usize, usize)>> = lists(&locations[0])
        .into_iter()
        .zip(lists(&locations[1]))
        .map(|(heads, positions)| {
            heads.iter().flat_map(|head| positions.iter().map(|position| (*head, *position))).collect()
        })
        .collect();
    Rows::heads(&units, heads).unwrap()
}
