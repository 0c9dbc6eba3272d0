//! The shipped recipes reach their accuracy on the hierarchical equality task.

use std::fs;
use std::path::Path;
use std::process::Command;

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;

/// Runs a recipe of the repository and gives back its metrics.
fn train(recipe: &str, out: &Path, args: &[&str]) -> Value {
    let mut command = Command::new(cargo_bin!("intervene"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(["train", recipe, "--quiet", "--out"]).arg(out).args(args);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(&fs::read_to_string(out.join("metrics.json")).unwrap()).unwrap()
}

fn number(metrics: &Value, path: &str) -> f64 {
    metrics.pointer(path).and_then(Value::as_f64).unwrap_or_else(|| panic!("no {path} in {metrics}"))
}

#[test]
fn the_sparse_network_implements_the_causal_model_and_the_contrast_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let metrics = train("recipes/hierarchical_equality_das_mlp.toml", &folder.path().join("run"), &["--seed", "0"]);
    assert!(number(&metrics, "/task_accuracy") >= 0.995 && number(&metrics, "/contrast/task_accuracy") >= 0.995);
    assert!(number(&metrics, "/iia") >= 0.99, "{metrics}");
    assert!(number(&metrics, "/contrast/iia") <= number(&metrics, "/iia") - 0.03, "{metrics}");
    assert!(number(&metrics, "/controls/random_rotation") < 0.65, "{metrics}");
    assert!(number(&metrics, "/controls/untrained_model") < 0.65, "{metrics}");
    assert!(number(&metrics, "/orthogonality_error") < 1e-5, "{metrics}");
}

/// pyvene's own search reaches 0.968 on these weights.
#[test]
fn the_fixed_network_is_aligned_to_its_limit() {
    let folder = tempfile::tempdir().unwrap();
    for seed in ["0", "1", "2"] {
        let set = ["--seed", seed, "--set", "model.weights=tests/fixtures/equality_mlp.safetensors"];
        let metrics = train("recipes/hierarchical_equality_das_given.toml", &folder.path().join(seed), &set);
        assert!(number(&metrics, "/iia") >= 0.975, "seed {seed}: {metrics}");
        assert!(number(&metrics, "/orthogonality_error") < 1e-5, "seed {seed}: {metrics}");
    }
}

/// PyTorch's parametrisations find the same alignment, under their own names.
#[test]
fn every_orthogonal_map_finds_the_alignment() {
    let folder = tempfile::tempdir().unwrap();
    for map in ["manifold", "matrix_exp", "cayley", "householder"] {
        let map_set = format!("intervention.orthogonal={map}");
        let set = ["--set", &map_set, "--set", "training.steps=600", "--set", "training.batch=1024"];
        let metrics = train("recipes/hierarchical_equality_das_given.toml", &folder.path().join(map), &set);
        assert!(number(&metrics, "/iia") >= 0.95, "{map}: {metrics}");
        assert!(number(&metrics, "/orthogonality_error") < 1e-4, "{map}: {metrics}");
    }
}
