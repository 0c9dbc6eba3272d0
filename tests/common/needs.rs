//! What some tests need and the repository does not hold.
//!
//! A test that lacks something passes without checking anything, so the run says at its end, below the harness's own
//! summary and whether or not output is captured, which tests these are and what they lack. On CI (where `CI` is set) they
//! fail instead.

use std::collections::BTreeMap;
use std::ffi::c_int;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The tests that checked nothing, by what they lack.
static NOT_CHECKED: Mutex<BTreeMap<String, Vec<String>>> = Mutex::new(BTreeMap::new());

/// The folder of SmolLM2-135M: `INTERVENE_SMOLLM2`, or `target/models/SmolLM2-135M-Instruct`.
pub fn smollm2() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = std::env::var_os("INTERVENE_SMOLLM2")
        .map_or_else(|| root.join("target/models/SmolLM2-135M-Instruct"), PathBuf::from);
    if folder.join("model.safetensors").is_file() {
        return Some(folder);
    }
    lacking(&format!("SmolLM2-135M in {} (`python3 scripts/smollm2.py` makes it)", folder.display()));
    None
}

/// Records that the running test checks nothing, because it lacks `what`; fails on CI.
pub fn lacking(what: &str) {
    assert!(std::env::var_os("CI").is_none(), "NOTHING WAS CHECKED: there is no {what}");
    not_checked(what);
}

/// Records that the running test checks nothing, because it lacks `what`.
pub fn not_checked(what: &str) {
    unsafe extern "C" {
        safe fn atexit(at_exit: extern "C" fn()) -> c_int;
    }
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let mut all = NOT_CHECKED.lock().unwrap_or_else(PoisonError::into_inner);
    if all.is_empty() {
        assert_eq!(atexit(summary), 0, "the summary of what was not checked cannot be registered");
    }
    all.entry(what.to_owned()).or_default().push(test);
}

/// Written to the stream itself: the harness captures the macros only, and has ended by now.
extern "C" fn summary() {
    let all = NOT_CHECKED.lock().unwrap_or_else(PoisonError::into_inner);
    let count: usize = all.values().map(Vec::len).sum();
    let mut text = format!("*** {count} of the passed tests CHECKED NOTHING:\n");
    for (what, tests) in all.iter() {
        text += &format!("***   without {what}:\n***     {}\n", tests.join("\n***     "));
    }
    // There is nothing left to do about an error.
    let _ = std::io::stderr().write_all(format!("\n{text}\n").as_bytes());
}
