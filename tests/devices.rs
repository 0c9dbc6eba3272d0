//! Devices are found by their names, and a missing device, feature or amount of memory is explained.

use std::process::Command;

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;

use crate::common::{needs, program, tiny};

/// The command fails with status 2 and without a panic; its standard error.
fn refused(args: &[&str], budget: Option<&str>) -> String {
    let mut command = Command::new(cargo_bin!("intervene"));
    command.args(args).current_dir(env!("CARGO_MANIFEST_DIR"));
    budget.map(|budget| command.env("INTERVENE_DEVICE_MEMORY", budget));
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.starts_with("error: ") && !said.contains("panicked"), "{said}");
    said
}

#[test]
fn the_processor_is_always_there_and_works() {
    let all: Value = serde_json::from_str(&program::printed(&["devices", "cpu", "--json"])).unwrap();
    let cpu = &all[0];
    assert_eq!((cpu["name"].as_str(), cpu["works"].as_bool()), (Some("cpu"), Some(true)), "{cpu}");
    assert_eq!(cpu["dtypes"], serde_json::json!(["f32", "bf16", "f16"]));
    assert_eq!(cpu["self_test"], serde_json::json!({"logits": 0.0, "gradient": 0.0}));
    assert!(cpu["gflop_per_s"].as_f64().unwrap() > 1.0 && cpu["memory_bytes"].as_u64().unwrap() > 1 << 28, "{cpu}");
}

#[test]
fn every_kind_of_device_is_listed_with_what_it_lacks() {
    let text = program::printed(&["devices"]);
    assert!(text.contains("cpu       works") && text.contains("GFLOP/s"), "{text}");
    assert!(text.contains("(limit 1e-3)"), "the tolerance is shown: {text}");
    for (feature, built) in
        [("cuda", cfg!(feature = "cuda")), ("rocm", cfg!(feature = "rocm")), ("wgpu", cfg!(feature = "wgpu"))]
    {
        let lacks = text.contains(&format!("built without the feature `{feature}`: build it with"));
        assert_eq!(lacks, !built, "{feature}: {text}");
    }
}

#[test]
fn a_device_that_is_not_there_is_an_error_with_what_to_do() {
    let recipe = "recipes/hierarchical_equality_das_given.toml";
    let said = refused(&["train", recipe, "--device", "gpu"], None);
    assert!(said.contains("unknown device `gpu`"), "{said}");
    for name in ["cuda:7", "wgpu:7", "rocm:7"] {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("run");
        let said = refused(&["train", recipe, "--device", name, "--out", out.to_str().unwrap()], None);
        let does = ["cargo build --release --features", "driver", "there is no such"];
        assert!(said.contains(name) && does.iter().any(|words| said.contains(words)), "{said}");
        assert!(!out.exists(), "nothing is made for a run that cannot be");
    }
}

#[test]
fn weights_that_do_not_fit_are_refused_before_they_are_read() {
    let model = tiny::model("gpt2");
    let model = model.path().to_str().unwrap();
    let generate = ["generate", "--model", model, "--prompt", "Ann", "--max-new-tokens", "1"];
    let said = refused(&generate, Some("10 kB"));
    for part in [
        "cpu: the weights of ",
        "in f32 take ",
        "10.0 kB",
        "(its limit by INTERVENE_DEVICE_MEMORY) are free",
        "--dtype as bf16",
    ] {
        assert!(said.contains(part), "`{part}` is not in: {said}");
    }
    let said = refused(&generate, Some("much"));
    assert!(said.contains("INTERVENE_DEVICE_MEMORY: invalid size `much`"), "{said}");
    let output = Command::new(cargo_bin!("intervene")).args(generate).env("INTERVENE_DEVICE_MEMORY", "1 GB").output();
    assert!(output.unwrap().status.success(), "with enough it runs");
}

#[test]
fn a_cache_in_the_machines_memory_says_so() {
    let Some(model) = needs::smollm2() else { return };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let source = format!("model.source={}", model.display());
    let mut command = Command::new(cargo_bin!("intervene"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(["train", "recipes/pairs_das_smollm2.toml", "--set", &source]);
    command.args(["--set", "training.steps=2", "--set", "cache.level=host", "--out"]).arg(&out);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("MB (host)"), "{said}");
    assert!(out.join("metrics.json").is_file());
}
