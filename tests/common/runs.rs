//! Short runs of two shipped recipes on a device.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::fs;
use std::path::Path;
use std::process::Command;

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;

/// The metrics of a run.
pub struct Run {
    pub iia: f64,
    pub device: String,
    pub loss: Vec<f64>,
}

/// A gender-agreement search on SmolLM2, on few pairs and at a late layer: a software driver does some 10⁹ operations a
/// second.
pub fn gender(model: &Path, device: &str, set: &[&str]) -> Run {
    run(|out| gender_command(model, device, [8, 10], set, out))
}

/// The command of that search with these numbers of training and test pairs; its folder is `out`, with the pairs beside it.
pub fn gender_command(model: &Path, device: &str, pairs: [usize; 2], set: &[&str], out: &Path) -> Command {
    let [train_pairs, test_pairs] = pairs;
    let pairs = |split: &str, count: usize| {
        let all = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("data/gender_agreement/{split}.jsonl"));
        let lines: Vec<String> = fs::read_to_string(all).unwrap().lines().take(count).map(str::to_owned).collect();
        let few = out.with_file_name(format!("{split}.jsonl"));
        fs::write(&few, lines.join("\n")).unwrap();
        format!("data.{split}={}", few.display())
    };
    let own = [format!("model.source={}", model.display()), pairs("train", train_pairs), pairs("test", test_pairs)];
    let own: Vec<&str> = own.iter().map(String::as_str).collect();
    let place = ["intervention.layer=26", "intervention.position=last", "evaluation.random_rotations=1"];
    let short = ["training.steps=6", "training.batch=8", "training.learning_rate=1e-2", "training.warmup=0"];
    train("pairs_das_smollm2", device, &[&own[..], &place, &short, set].concat(), out)
}

/// The search on the fixed equality network, with fewer and smaller steps.
pub fn equality(device: &str) -> Run {
    let steps = ["training.steps=120", "training.batch=512", "training.learning_rate=2e-2"];
    let short = [&steps[..], &["evaluation.pairs=1000", "evaluation.random_rotations=1"]].concat();
    run(|out| train("hierarchical_equality_das_given", device, &short, out))
}

fn train(recipe: &str, device: &str, set: &[&str], out: &Path) -> Command {
    let mut command = Command::new(cargo_bin!("intervene"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(["train", recipe, "--device", device]);
    command.args(set.iter().flat_map(|set| ["--set", set])).arg("--out").arg(out);
    command
}

fn run(command: impl FnOnce(&Path) -> Command) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let output = command(&out).arg("--quiet").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metrics: Value = serde_json::from_str(&fs::read_to_string(out.join("metrics.json")).unwrap()).unwrap();
    let lines = fs::read_to_string(out.join("metrics.jsonl")).unwrap();
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let loss = lines.filter_map(|line| line["loss"].as_f64()).collect();
    Run { iia: metrics["iia"].as_f64().unwrap(), device: metrics["device"].as_str().unwrap().to_owned(), loss }
}
