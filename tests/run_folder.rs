//! A run folder holds the documented files, is reproduced to the bit, and has no partial file after the run was killed.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;

use crate::common::waiting::{self, Held};

const RECIPE: &str = "hierarchical_equality_das_mlp";

/// A short run of the shipped recipe.
const SHORT: [&str; 7] = [
    "model.training.steps=60",
    "training.steps=40",
    "training.batch=256",
    "training.log_every=10",
    "evaluation.pairs=500",
    "evaluation.random_rotations=2",
    "model.training.batch=256",
];

fn train(out: &Path, seed: &str) -> Command {
    let mut command = Command::new(cargo_bin!("intervene"));
    command.args(["train", RECIPE, "--quiet", "--seed", seed, "--out"]).arg(out);
    command.args(SHORT.iter().flat_map(|set| ["--set", set]));
    command.stdout(Stdio::null());
    command
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn a_seed_determines_every_bit() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b, c] = ["a", "b", "c"].map(|name| folder.path().join(name));
    for (out, seed) in [(&a, "3"), (&b, "3"), (&c, "4")] {
        assert!(train(out, seed).status().unwrap().success());
    }
    let same = ["model.safetensors", "intervention.safetensors", "metrics.jsonl", "recipe.toml", "config.json"];
    for name in same.into_iter().chain(["contrast/intervention.safetensors", "contrast/model.safetensors"]) {
        assert_eq!(fs::read(a.join(name)).unwrap(), fs::read(b.join(name)).unwrap(), "{name}");
    }
    for name in ["model.safetensors", "intervention.safetensors"] {
        assert_ne!(fs::read(a.join(name)).unwrap(), fs::read(c.join(name)).unwrap(), "{name}");
    }
    let metrics = json(&a.join("metrics.json"));
    for of in [&metrics, &metrics["contrast"]] {
        for key in ["iia", "iia_train", "task_accuracy", "orthogonality_error", "steps", "step_ms"] {
            assert!(of[key].is_number(), "{key}: {of}");
        }
        for key in ["no_intervention", "full_swap", "random_rotation", "untrained_model"] {
            assert!(of["controls"][key].is_number(), "{key}: {of}");
        }
        for key in ["prepare", "train", "evaluate"] {
            assert!(of["seconds"][key].is_number(), "{key}: {of}");
        }
        assert!(of["iia_by_variable"]["WX"].is_number() && of["iia_by_variable"]["YZ"].is_number());
        assert!(of["orthogonality_error"].as_f64().unwrap() < 1e-5);
    }
    assert!(metrics["peak_rss_bytes"].as_u64().unwrap() > 1_000_000);
    assert_eq!((metrics["device"].as_str(), metrics["seed"].as_u64()), (Some("cpu"), Some(3)));
    assert!(a.join("curve.png").is_file());
    assert_eq!(fs::read_dir(a.join("tensorboard")).unwrap().count(), 1);

    let output = Command::new(cargo_bin!("intervene")).args(["evaluate", "--json"]).arg(&a).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let again: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(again["iia"], metrics["iia"]);
    assert_eq!(again["contrast"]["iia"], metrics["contrast"]["iia"]);
    assert_eq!(again["iia_by_variable"], metrics["iia_by_variable"]);

    let out = folder.path().join("d");
    let mut resolved = Command::new(cargo_bin!("intervene"));
    resolved.arg("train").arg(a.join("recipe.toml")).args(["--quiet", "--out"]).arg(&out).stdout(Stdio::null());
    assert!(resolved.status().unwrap().success());
    let name = "intervention.safetensors";
    assert_eq!(fs::read(a.join(name)).unwrap(), fs::read(out.join(name)).unwrap(), "the resolved recipe is the run's");
}

/// Every file under a final name is whole.
fn check(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            check(&path);
        } else if name.contains(".partial") || name.contains("tfevents") {
            // Not yet a file of the run; an event file carries checksums and is read to its last whole record.
        } else if name.ends_with(".json") {
            json(&path);
        } else if name.ends_with(".toml") {
            intervene::recipe::Recipe::load(&path, &[]).unwrap();
        } else if name.ends_with(".safetensors") {
            intervene::tensors::Tensors::read(&path).unwrap();
        } else if name.ends_with(".jsonl") {
            for line in fs::read_to_string(&path).unwrap().lines() {
                serde_json::from_str::<Value>(line).unwrap();
            }
        } else if name.ends_with(".png") {
            assert!(fs::read(&path).unwrap().ends_with(b"IEND\xaeB`\x82"), "{}", path.display());
        } else {
            panic!("an unknown file: {}", path.display());
        }
    }
}

/// Runs that do not end, or not soon, are killed when something has happened. Whatever a killed run left is whole.
#[test]
fn a_killed_run_leaves_nothing_half_written() {
    let folder = tempfile::tempdir().unwrap();
    let killed = |name: &str, set: &[&str], happened: &dyn Fn(&Path) -> bool| {
        let out = folder.path().join(name);
        let mut command = train(&out, "0");
        command.args(set.iter().flat_map(|set| ["--set", set]));
        let mut run = Held(command.stderr(Stdio::null()).spawn().unwrap());
        waiting::until(name, || happened(&out) || run.0.try_wait().unwrap().is_some());
        drop(run);
        check(&out);
        out
    };
    let logged = |out: &Path, phase: &str, count: usize| {
        let log = fs::read_to_string(out.join("metrics.jsonl.partial")).unwrap_or_default();
        log.lines().filter(|line| line.contains(phase)).count() >= count
    };
    // A search or an evaluation with a million steps or draws.
    let networks = ["model.training.steps=1000000"];
    let search = ["training.steps=1000000"];
    let controls = ["evaluation.random_rotations=1000000"];
    let unfinished = [
        killed("the recipe is there", &networks, &|out| out.join("recipe.toml").is_file()),
        killed("the network is trained", &networks, &|out| logged(out, "network/network", 1)),
        killed("the search begins", &search, &|out| logged(out, "network/search", 1)),
        killed("the search goes on", &search, &|out| logged(out, "network/search", 5)),
        killed("the search is evaluated", &controls, &|out| logged(out, "network/search", 4)),
    ];
    for out in unfinished {
        assert!(out.is_dir() && !out.join("metrics.json").exists(), "{}", out.display());
        refused_as_unfinished(&out);
    }
    // These may end before they are killed.
    let saved = |name: &'static str| move |out: &Path| out.join(name).is_file();
    for out in [
        killed("the network is saved", &[], &saved("model.safetensors")),
        killed("the intervention is saved", &[], &saved("intervention.safetensors")),
        killed("the contrast is searched", &[], &|out| logged(out, "contrast/search", 1)),
        killed("the contrast is saved", &[], &saved("contrast/config.json")),
        killed("the curve is drawn", &[], &saved("curve.png")),
    ] {
        if !out.join("metrics.json").exists() {
            refused_as_unfinished(&out);
        }
    }
}

fn refused_as_unfinished(run: &Path) {
    let output = Command::new(cargo_bin!("intervene")).arg("evaluate").arg(run).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", run.display());
    assert!(String::from_utf8_lossy(&output.stderr).contains("no metrics.json"), "{}", run.display());
}
