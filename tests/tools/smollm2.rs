//! `patch`, `trace` and `apply` on SmolLM2-135M show what is known about it.

use intervene::report::Heatmap;
use intervene::tap::Component;
use intervene::tools::{self, PatchOptions, TraceKind, TraceOptions};

use crate::common::needs::smollm2;
use crate::common::program::{file, printed};
use crate::common::tiny::choice;

fn value(map: &Heatmap, layer: usize, position: usize) -> f64 {
    map.values[layer][position].unwrap()
}

#[test]
fn patch_locates_the_name() {
    let Some(folder) = smollm2() else { return };
    let options = PatchOptions {
        model: choice(&folder),
        base: "Yesterday, John went home early because".to_owned(),
        source: "Yesterday, Mary went home early because".to_owned(),
        component: Component::BlockOutput,
        answer: None,
        foil: None,
        out: None,
    };
    let patched = tools::patch(&options, &mut ()).unwrap();
    assert_eq!(patched.answers, (" she".to_owned(), " he".to_owned()));
    assert!(patched.differences.0 > 1.0 && patched.differences.1 < -1.0, "{:?}", patched.differences);
    let map = &patched.heatmap;
    let name = map.columns.iter().position(|column| column.contains("John/Mary")).unwrap();
    let last = map.columns.len() - 1;
    assert_eq!((map.rows.len(), name, last), (30, 3, 7));
    // In early layers the answer depends on the name alone, in late ones on the last token alone.
    for layer in 0..20 {
        assert!(value(map, layer, name) > 0.9, "layer {layer} at the name");
        for position in (0..=last).filter(|position| *position != name) {
            assert!(value(map, layer, position).abs() < 0.1, "layer {layer} at {position}");
        }
    }
    for layer in 27..30 {
        assert!(value(map, layer, last) > 0.9, "layer {layer} at the last token");
        for position in 0..last {
            assert!(value(map, layer, position).abs() < 0.1, "layer {layer} at {position}");
        }
    }
}

#[test]
fn trace_moves_from_the_subject_to_the_last_token() {
    let Some(folder) = smollm2() else { return };
    let options = TraceOptions {
        model: choice(&folder),
        prompt: "The capital of France is".to_owned(),
        subject: "France".to_owned(),
        answer: Some(" Paris".to_owned()),
        samples: 4,
        noise: 3.0,
        window: 10,
        kind: TraceKind::States,
        seed: 0,
        out: None,
    };
    let traced = tools::trace(&options, &mut ()).unwrap();
    let (clean, corrupted) = traced.probabilities;
    assert!(clean > 0.5 && corrupted < 0.1, "{clean} {corrupted}");
    let map = &traced.heatmaps[0];
    let last = map.columns.len() - 1;
    assert!(map.columns[last - 1].ends_with("France*"), "{:?}", map.columns);
    for layer in 0..8 {
        assert!(value(map, layer, last - 1) > 0.5 && value(map, layer, last) < 0.2, "layer {layer}");
    }
    for layer in 25..30 {
        assert!(value(map, layer, last - 1) < 0.2 && value(map, layer, last) > 0.5, "layer {layer}");
    }
}

#[test]
fn apply_flips_he_to_she() {
    let Some(model) = smollm2() else { return };
    let folder = tempfile::tempdir().unwrap();
    let spec = "[[interventions]]\nsite = \"12.block_output\"\nkind = \"vanilla\"\npositions = \"text:John\"\nsource_positions = \"text:Mary\"\n";
    let spec = file(folder.path(), "spec.toml", &[spec]);
    let line =
        "{\"base\": \"Yesterday, John went home early because\", \"sources\": [\"Then Mary went home because\"]}";
    let inputs = file(folder.path(), "inputs.jsonl", &[line]);
    let out = folder.path().join("out.safetensors");
    let said = printed(&[
        "apply",
        spec.to_str().unwrap(),
        "--model",
        model.to_str().unwrap(),
        "--inputs",
        inputs.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
    ]);
    let line = |start: &str| said.lines().find(|line| line.trim_start().starts_with(start)).unwrap().trim().to_owned();
    assert!(line("before").starts_with("before  ` he`"), "{said}");
    assert!(line("after").starts_with("after   ` she`"), "{said}");
}
