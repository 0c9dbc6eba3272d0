//! Imports point downward only: main -> run -> recipe, report -> alignment, intervenable -> models, interventions, data -> the rest.

use std::fs;
use std::path::{Path, PathBuf};

/// What each module may import besides itself and the ground floor.
const ALLOWED: [(&str, &[&str]); 15] = [
    ("tap", &[]),
    ("orthogonal", &[]),
    ("tasks", &[]),
    ("models", &["tap", "orthogonal"]),
    ("interventions", &["tap", "orthogonal"]),
    ("data", &["tasks"]),
    ("pyvene", &["interventions", "tap"]),
    ("intervenable", &["models", "interventions", "data", "tap"]),
    ("alignment", &["models", "interventions", "data", "tap", "orthogonal", "tasks"]),
    ("recipe", &["alignment", "intervenable", "tap", "orthogonal", "tasks", "models", "data", "interventions"]),
    ("recipes", &["recipe"]),
    ("bench", &["alignment", "models", "interventions", "data", "tap", "orthogonal"]),
    ("report", &["alignment"]),
    (
        "run",
        &[
            "recipe",
            "report",
            "alignment",
            "intervenable",
            "models",
            "interventions",
            "data",
            "tap",
            "orthogonal",
            "tasks",
        ],
    ),
    // `run` for the `config.json` that a run leaves beside its intervention.
    ("tools", &["run", "report", "pyvene", "intervenable", "models", "interventions", "data", "tap", "orthogonal"]),
];

/// Everybody may use these; they use only each other.
const GROUND: [&str; 7] = ["error", "files", "places", "tensors", "device", "measure", "hub"];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The top-level modules that a file names after `crate::`.
fn imports(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
        for (at, prefix) in line.match_indices("crate::") {
            let rest = &line[at + prefix.len()..];
            let names = match rest.strip_prefix('{') {
                Some(group) => group.split(',').map(str::to_owned).collect(),
                None => vec![rest.to_owned()],
            };
            for name in names {
                let name: String = name.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if name.starts_with(char::is_lowercase) {
                    found.push(name);
                }
            }
        }
    }
    found
}

#[test]
fn imports_point_downward() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    let mut seen = 0;
    for path in sources(&root) {
        let relative = path.strip_prefix(&root).unwrap();
        let module = relative.components().next().unwrap().as_os_str().to_string_lossy().replace(".rs", "");
        if module == "lib" || module == "main" {
            continue;
        }
        let own = ALLOWED.iter().find(|(name, _)| *name == module).map_or(&[][..], |(_, allowed)| allowed);
        for import in imports(&fs::read_to_string(&path).unwrap()) {
            seen += 1;
            if import != module && !GROUND.contains(&import.as_str()) && !own.contains(&import.as_str()) {
                wrong.push(format!("{}: crate::{import}", relative.display()));
            }
        }
    }
    assert!(seen > 50, "only {seen} imports found: is the test still looking at the sources?");
    assert!(wrong.is_empty(), "imports that point upward:\n{}", wrong.join("\n"));
}

#[test]
fn tasks_never_touch_a_tensor() {
    for path in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tasks")) {
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains("burn"), "{} mentions burn", path.display());
    }
}

#[test]
fn main_holds_no_logic() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/main.rs")).unwrap();
    assert!(!text.contains("burn") && text.lines().count() < 300, "main.rs parses arguments and calls the library");
}
