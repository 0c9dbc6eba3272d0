//! `collect` holds no more memory for many prompts than for a few.

#![cfg(unix)]

mod common {
    pub mod fixtures;
    pub mod needs;
}

use std::fmt::Write;
use std::fs;
use std::path::Path;

use assert_cmd::cargo::cargo_bin_cmd;
use common::fixtures::fixtures;
use common::needs::smollm2;
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
    let inputs = folder.path().join("inputs.jsonl");
    fs::write(&inputs, lines).unwrap();
    let out = folder.path().join("out.safetensors");
    let mut collect = cargo_bin_cmd!("intervene");
    collect.arg("collect").arg("--model").arg(model).arg("--inputs").arg(&inputs).arg("--out").arg(&out);
    collect.args(["--sites", sites, "--quiet"]).assert().success();
    let kilobytes = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss();
    (kilobytes * 1024, fs::metadata(&out).unwrap().len())
}

/// One test, so that no other command runs at the same time. The system reports the highest of all children, so the few
/// prompts come first, and the tiny model before the real one.
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
