//! A tiny model with a tokenizer, and the binary run on it.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::cargo::cargo_bin_cmd;
use intervene::models::Dtype;
use intervene::tools::ModelChoice;

/// Sixty-four tokens, as many as the fixtures' vocabularies have: letters, a space, two halves of `é`, marks, and `An`,
/// `Ann`, ` Ann`, `To`, `Tom`.
pub fn tokenizer() -> String {
    let letters = ('a'..='z').chain('A'..='Z').chain("ĠÃ©.,!?".chars()).map(String::from);
    let tokens: Vec<String> = letters.chain(["An", "Ann", "ĠAnn", "To", "Tom"].map(String::from)).collect();
    assert_eq!(tokens.len(), 64);
    let vocabulary: serde_json::Map<String, serde_json::Value> =
        tokens.into_iter().enumerate().map(|(id, token)| (token, id.into())).collect();
    serde_json::json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": true},
        "post_processor": null,
        "decoder": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": true},
        "model": {"type": "BPE", "vocab": vocabulary, "merges": ["A n", "An n", "Ġ Ann", "T o", "To m"]},
    })
    .to_string()
}

/// A family's checkpoint with a tokenizer, in a folder of its own.
pub fn model(family: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let from = crate::common::fixtures().join(family);
    for name in ["config.json", "model.safetensors"] {
        fs::copy(from.join(name), folder.path().join(name)).unwrap();
    }
    fs::write(folder.path().join("tokenizer.json"), tokenizer()).unwrap();
    folder
}

pub fn choice(folder: &Path) -> ModelChoice {
    ModelChoice { model: folder.display().to_string(), device: "cpu".to_owned(), dtype: Dtype::F32 }
}

/// A file with one line each.
pub fn file(folder: &Path, name: &str, lines: &[&str]) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, lines.join("\n")).unwrap();
    path
}

pub fn run(args: &[&str]) -> Output {
    cargo_bin_cmd!("intervene").args(args).output().unwrap()
}

/// What a command that succeeds prints.
pub fn printed(args: &[&str]) -> String {
    let output = run(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The command fails with status 2, and its message holds every one of `parts`; no panic.
pub fn refused(args: &[&str], parts: &[&str]) {
    let output = run(args);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
    assert!(said.starts_with("error: "), "{args:?}: {said}");
    assert!(!said.contains("panicked") && !said.contains("backtrace"), "{args:?}: {said}");
    assert!(output.stdout.is_empty(), "{args:?}");
    for part in parts {
        assert!(said.contains(part), "{args:?}: `{part}` is not in: {said}");
    }
}
