//! The folder of the families' fixtures.

use std::path::{Path, PathBuf};

/// The folder of the families' fixtures: `INTERVENE_FIXTURES`, or the repository's copy.
pub fn fixtures() -> PathBuf {
    std::env::var_os("INTERVENE_FIXTURES")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pyvene"), PathBuf::from)
}
