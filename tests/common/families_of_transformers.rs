//! The families that transformers is compared with.

use std::path::{Path, PathBuf};

use super::families::{families, families_in};

/// The families of pyvene's fixtures, and those with expected values of transformers only.
pub fn all() -> Vec<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/transformers");
    [families(), families_in(&own)].concat()
}
