//! A model by its name on the Hub, where its files lie in the local cache.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use assert_cmd::cargo::cargo_bin;

fn sites(cache: &Path, model: &str) -> Output {
    Command::new(cargo_bin!("intervene")).args(["sites", model]).env("HF_HUB_CACHE", cache).output().unwrap()
}

#[test]
fn a_cached_model_is_found_by_its_name() {
    let cache = tempfile::tempdir().unwrap();
    let repository = cache.path().join("models--tiny--llama");
    let snapshot = repository.join("snapshots/0123abc");
    fs::create_dir_all(&snapshot).unwrap();
    fs::create_dir_all(repository.join("refs")).unwrap();
    fs::write(repository.join("refs/main"), "0123abc").unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pyvene/llama");
    for name in ["config.json", "model.safetensors"] {
        fs::copy(fixture.join(name), snapshot.join(name)).unwrap();
    }
    for model in ["tiny/llama", "tiny/llama@main", "tiny/llama@0123abc"] {
        let output = sites(cache.path(), model);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(String::from_utf8_lossy(&output.stdout).contains("attention_value_output"));
    }
    for (model, said) in [
        ("tiny/llama@other", "tiny/llama at other is not in the Hub's cache"),
        ("tiny/gpt", "`hf download tiny/gpt` puts it there"),
        ("tiny/../llama", "is no folder"),
    ] {
        let output = sites(cache.path(), model);
        assert_eq!(output.status.code(), Some(2));
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.contains(said), "{model}: {error}");
    }
}
