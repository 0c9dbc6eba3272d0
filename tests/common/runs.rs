//! Short runs of two shipped recipes on a device.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::fs;
use std::path::Path;
use std::process::Command;

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;

/// What a run's metrics say.
pub struct Run {
    pub iia: f64,
    pub device: String,
    pub loss: Vec<f64>,
}

/// The gender-agreement search on SmolLM2, on fewer pairs.
pub fn gender(model: &Path, device: &str, set: &[&str]) -> Run {
    let source = format!("model.source={}", model.display());
    let short = ["training.steps=16", "data.train_pairs=32", "data.test_pairs=64", "data.validation_pairs=0"];
    let own = [&source[..], "evaluation.random_rotations=1"];
    run("gender_agreement_das_smollm2", device, &[&own[..], &short, set].concat())
}

/// The search of the equality network that is given, of fewer steps.
pub fn equality(device: &str) -> Run {
    let short = ["training.steps=300", "training.batch=1024", "evaluation.pairs=4000", "evaluation.random_rotations=1"];
    run("hierarchical_equality_das_given", device, &short)
}

fn run(recipe: &str, device: &str, set: &[&str]) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let mut command = Command::new(cargo_bin!("intervene"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(["train", recipe, "--quiet", "--device", device]);
    command.args(set.iter().flat_map(|set| ["--set", set])).arg("--out").arg(&out);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metrics: Value = serde_json::from_str(&fs::read_to_string(out.join("metrics.json")).unwrap()).unwrap();
    let lines = fs::read_to_string(out.join("metrics.jsonl")).unwrap();
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let loss = lines.filter_map(|line| line["loss"].as_f64()).collect();
    Run { iia: metrics["iia"].as_f64().unwrap(), device: metrics["device"].as_str().unwrap().to_owned(), loss }
}
