//! The Python environment with pyvene.

use std::path::PathBuf;

use super::needs;

/// The interpreter of scripts/pyvene_env.sh's environment: `INTERVENE_PYVENE`, or the one in the user's cache.
pub fn python() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = || set("XDG_CACHE_HOME").unwrap_or_else(|| set("HOME").unwrap_or_default().join(".cache"));
    let python = set("INTERVENE_PYVENE").unwrap_or_else(|| cache().join("intervene/pyvene-0.1.8/bin/python"));
    let complete = python.ancestors().nth(2).is_some_and(|venv| venv.join(".complete").is_file());
    if python.is_file() && (complete || set("INTERVENE_PYVENE").is_some()) {
        return Some(python);
    }
    needs::lacking(&format!("pyvene at {} (`bash scripts/pyvene_env.sh` makes it)", python.display()));
    None
}
