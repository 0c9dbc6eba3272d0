//! The search on a real language model, from a recipe to a run folder and back.

use std::fs;
use std::process::Command;

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;

use crate::common::needs;

/// pyvene's own thirty steps reach a test IIA of 1.00 here.
#[test]
fn gender_agreement_is_found_at_the_name_and_reproduced() {
    let Some(model) = needs::smollm2() else { return };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let source = format!("model.source={}", model.display());
    let run = |args: &[&str]| {
        let mut command = Command::new(cargo_bin!("intervene"));
        command.current_dir(env!("CARGO_MANIFEST_DIR")).args(args).output().unwrap()
    };
    let out_text = out.to_str().unwrap();
    let output = run(&["train", "recipes/pairs_das_smollm2.toml", "--set", &source, "--out", out_text]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("base    Yesterday,[ Kate] missed the train because"), "three examples are printed: {said}");
    let metrics: Value = serde_json::from_str(&fs::read_to_string(out.join("metrics.json")).unwrap()).unwrap();
    let number = |path: &str| metrics.pointer(path).and_then(Value::as_f64).unwrap_or_else(|| panic!("{path}"));
    assert!(number("/iia") >= 0.99, "{metrics}");
    assert!(number("/controls/random_rotation") <= 0.05 && number("/controls/no_intervention") <= 0.05, "{metrics}");
    assert!(number("/controls/full_swap") >= 0.99 && number("/orthogonality_error") < 1e-5, "{metrics}");
    assert!(metrics.get("task_accuracy").is_none(), "the file does not hold the prompts' own answers: {metrics}");

    let output = run(&["evaluate", out_text, "--json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let again: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(again["iia"], metrics["iia"]);

    // The trained intervention is used in a generation: the gender of the name comes from another prompt.
    let john = "Yesterday, John went home early because";
    let mary = "Yesterday, Mary went home early because";
    let generate = ["generate", "--model", model.to_str().unwrap(), "--prompt", john, "--max-new-tokens", "1"];
    let with = ["--with", out_text, "--source", mary, "--at", "text:John", "--source-at", "text:Mary"];
    let text = |args: &[&str]| String::from_utf8(run(args).stdout).unwrap();
    assert_eq!(text(&generate).trim(), "he");
    assert_eq!(text(&[&generate[..], &with[..]].concat()).trim(), "she");
}

#[test]
fn what_does_not_fit_the_model_is_refused_before_the_search() {
    let Some(model) = needs::smollm2() else { return };
    let source = format!("model.source={}", model.display());
    let folder = tempfile::tempdir().unwrap();
    for (at, (set, said)) in [
        ("intervention.layer=30", "layer 30 does not exist"),
        ("intervention.rank=577", "577 columns are more than the site is wide, 576"),
        ("intervention.position=nowhere", "nowhere"),
        ("data.train=no/such/file.jsonl", "no/such/file.jsonl"),
        ("intervention.kind=vanilla", "has nothing to train"),
        ("model.dtype=f8", "f8"),
    ]
    .into_iter()
    .enumerate()
    {
        let out = folder.path().join(at.to_string());
        let output = Command::new(cargo_bin!("intervene"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(["train", "recipes/pairs_das_smollm2.toml", "--quiet", "--set", &source, "--set", set, "--out"])
            .arg(&out)
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{set}: {error}");
        assert!(error.starts_with("error: ") && error.contains(said) && !error.contains("panicked"), "{set}: {error}");
        assert!(!out.join("metrics.json").exists());
    }
}
