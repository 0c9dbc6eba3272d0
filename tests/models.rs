//! Every family equals transformers, and its sites are those of pyvene.

mod context;
mod linear;
mod untrained;

use std::cell::RefCell;

use burn::tensor::{Int, Tensor};
use intervene::models::{Context, FrozenModel, LanguageModel, Pretrained};
use intervene::tap::{Component, Patch, Record, Rows, Site};
use serde_json::Value;

use crate::common::families::{families, load, name};
use crate::common::families_of_transformers::all;
use crate::common::numbers::Numbers;
use crate::common::tensors::distance;
use crate::common::whole_run::{logits, plain};

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
fn logits_and_hidden_states_equal_those_of_transformers() {
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
fn left_padded_batches_equal_those_of_transformers() {
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
fn vanilla_interchanges_equal_those_of_pyvene() {
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
