//! `trace` restores single states and windows of layers, under noise that its seed determines.

use std::fs;
use std::path::Path;

use intervene::tools::{self, TraceKind, TraceOptions};

use crate::common::tiny::{choice, model};

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
    };
    change(&mut options);
    tools::trace(&options, &mut ()).unwrap()
}

#[test]
fn restored_states_bring_back_the_clean_probability() {
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
        // The subject is the last token: with any of its states restored, the rest of the run is clean.
        for row in &all.heatmaps[0].values {
            assert!((row[row.len() - 1].unwrap() - clean).abs() < 1e-5, "{family}: {row:?} instead of {clean}");
        }
        // One MLP alone does not bring it back.
        let mlp = all.heatmaps[1].values[0].last().unwrap().unwrap();
        assert!((mlp - clean).abs() > 1e-4, "{family}: {mlp}");

        // The subject is the first token: the logits depend on the last state of the last layer only.
        let first = traced(folder.path(), "Ann sat", "Ann", |options| options.kind = TraceKind::States);
        let (clean, corrupted) = first.probabilities;
        let last = first.heatmaps[0].values.last().unwrap();
        assert!((last[last.len() - 1].unwrap() - clean).abs() < 1e-6);
        assert!(last[..last.len() - 1].iter().all(|value| (value.unwrap() - corrupted).abs() < 1e-6));
    }
}

#[test]
fn windows_of_layers_are_restored() {
    let folder = model("llama");
    let run = |window: usize| traced(folder.path(), "Ann sat", "Ann", |options| options.window = window);
    // In a model of two layers, a window of two takes both when centred on layer 1, and the first alone on layer 0.
    let (one, two) = (run(1), run(2));
    for kind in [1, 2] {
        assert_eq!(one.heatmaps[kind].values[0], two.heatmaps[kind].values[0]);
        assert_ne!(one.heatmaps[kind].values[1], two.heatmaps[kind].values[1]);
        assert_eq!(run(4).heatmaps[kind].values, vec![two.heatmaps[kind].values[1].clone(); 2]);
    }
}

#[test]
fn the_noise_is_determined_by_its_seed() {
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
