//! `patch` computes in every cell what a full run with that one row replaced computes.

use std::fs;

use burn::tensor::Tensor;
use intervene::data::Tokenizer;
use intervene::models::FrozenModel;
use intervene::tap::{Component, Patch, Record, Rows};
use intervene::tools::{self, PatchOptions};

use super::{BASE, SOURCE, floats, tensor};
use crate::common::families::load;
use crate::common::program::printed;
use crate::common::tiny::{choice, model};
use crate::common::whole_run::plain;

/// Every cell of the heatmap, computed from its layer and position on, equals the full run with that one row replaced.
#[test]
fn every_cell_equals_a_full_run() {
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
            };
            let patched = tools::patch(&options, &mut ()).unwrap();
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
