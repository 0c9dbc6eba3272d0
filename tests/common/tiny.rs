//! Tiny checkpoints with a tokenizer.

use std::fs;
use std::path::Path;

use intervene::models::Dtype;
use intervene::tools::ModelChoice;

use crate::common::fixtures;

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
    let from = fixtures::fixtures().join(family);
    for name in ["config.json", "model.safetensors"] {
        fs::copy(from.join(name), folder.path().join(name)).unwrap();
    }
    fs::write(folder.path().join("tokenizer.json"), tokenizer()).unwrap();
    folder
}

pub fn choice(folder: &Path) -> ModelChoice {
    ModelChoice { model: folder.display().to_string(), device: "cpu".to_owned(), dtype: Dtype::F32 }
}
