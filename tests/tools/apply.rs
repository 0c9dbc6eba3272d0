//! `apply` writes the logits and the collected rows of the edited model.

use std::cell::RefCell;

use burn::tensor::Tensor;
use intervene::data::Tokenizer;
use intervene::tap::{Component, Patch, Record, Rows, Site};

use super::tensor;
use crate::common::families::load;
use crate::common::numbers::Numbers;
use crate::common::program::{file, printed};
use crate::common::tensors::distance;
use crate::common::tiny::model;
use crate::common::whole_run::plain;

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
fn logits_and_collected_rows_equal_those_of_the_edited_run() {
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
