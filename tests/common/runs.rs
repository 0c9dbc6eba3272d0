//! Short runs of shipped recipes on a device.

use std::fs;
use std::path::Path;
use std::process::Command;

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;
use tempfile::TempDir;

/// A gender-agreement search on SmolLM2, on few pairs and at a late layer: a software driver does some 10⁹ operations a
/// second.
pub fn gender(model: &Path, device: &str, set: &[&str]) -> TempDir {
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

/// The command that trains a shipped recipe with some keys set.
pub fn train(recipe: &str, device: &str, set: &[&str], out: &Path) -> Command {
    let mut command = Command::new(cargo_bin!("intervene"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(["train", recipe, "--device", device]);
    command.args(set.iter().flat_map(|set| ["--set", set])).arg("--out").arg(out);
    command
}

/// Runs such a command; its run folder is `run` in the folder that comes back.
pub fn run(command: impl FnOnce(&Path) -> Command) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let output = command(&folder.path().join("run")).arg("--quiet").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    folder
}

/// The `metrics.json` of such a folder.
pub fn metrics(folder: &TempDir) -> Value {
    serde_json::from_str(&fs::read_to_string(folder.path().join("run/metrics.json")).unwrap()).unwrap()
}
