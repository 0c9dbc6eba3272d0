//! `collect` holds no more memory for many prompts than for a few.

#![cfg(unix)]

mod common;
#[path = "common/tiny.rs"]
mod tiny;

use std::fmt::Write;
use std::path::Path;

use common::{fixtures, smollm2};
use nix::sys::resource::{UsageWho, getrusage};

const MEGABYTE: i64 = 1 << 20;

/// The highest resident size that any child of this process has had so far, after collecting all layers of `prompts`
/// prompts of 32 tokens; and how much was written.
fn peak(model: &Path, sites: &str, prompts: usize, vocabulary: usize) -> (i64, u64) {
    let folder = tempfile::tempdir().unwrap();
    let mut lines = String::new();
    for i in 0..prompts {
        let tokens: Vec<usize> = (0..32).map(|j| (7 * i + 13 * j) % vocabulary).collect();
        writeln!(lines, "{{\"base\": {tokens:?}}}").unwrap();
    }
    let inputs = tiny::file(folder.path(), "inputs.jsonl", &[&lines]);
    let out = folder.path().join("out.safetensors");
    let model = model.to_str().unwrap();
    let (inputs, out_name) = (inputs.to_str().unwrap(), out.to_str().unwrap());
    tiny::printed(&["collect", "--model", model, "--inputs", inputs, "--sites", sites, "--out", out_name, "--quiet"]);
    let kilobytes = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss();
    (kilobytes * 1024, std::fs::metadata(&out).unwrap().len())
}

/// One test, so that no other command runs beside: what is read is the highest of all children, so the few prompts come
/// first, and the tiny model before the real one.
#[test]
fn the_peak_does_not_grow_with_the_prompts() {
    let everything = "all.block_input,all.block_output,all.mlp_input,all.mlp_activation,all.mlp_output,\
        all.attention_input,all.attention_output,all.attention_value_output,all.query_output";
    let tiny = fixtures().join("llama");
    let mut cases = vec![(tiny, everything, [200, 1000], 64, 24)];
    if let Some(real) = smollm2() {
        cases.push((real, "all.block_output", [20, 120], 40_000, 64));
    }
    for (model, sites, [few, many], vocabulary, allowed) in cases {
        let (before, _) = peak(&model, sites, few, vocabulary);
        let (after, written) = peak(&model, sites, many, vocabulary);
        let grown = after - before;
        println!("{}: {few} prompts {before}, {many} prompts {after} bytes; {written} written", model.display());
        assert!(written as i64 > 2 * allowed * MEGABYTE, "too little was written to tell");
        assert!(grown < allowed * MEGABYTE, "{many} prompts take {grown} bytes more than {few}");
    }
}
