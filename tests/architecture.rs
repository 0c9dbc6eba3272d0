//! Imports point downward only, between the folders of `src/` and between the files of each folder.

mod graph;
mod imports;

use std::fs;
use std::path::{Path, PathBuf};

use self::graph::{Graph, sources};

/// The top-level modules from the lowest to the highest, and what each may import besides the ground floor. Each names
/// modules above it in this list only, and nothing that it does not import.
const MAY_IMPORT: [(&str, &[&str]); 16] = [
    ("tap", &[]),
    ("orthogonal", &[]),
    ("tasks", &[]),
    ("models", &["tap", "orthogonal"]),
    ("interventions", &["orthogonal"]),
    ("data", &["tasks"]),
    ("pyvene", &["interventions", "tap"]),
    ("intervenable", &["models", "interventions", "tap"]),
    ("alignment", &["models", "interventions", "data", "tap", "orthogonal", "tasks"]),
    ("recipe", &["alignment", "tap", "orthogonal", "tasks", "models", "data", "interventions"]),
    ("bench", &["alignment", "models", "interventions", "data", "tap", "orthogonal"]),
    ("report", &[]),
    ("saved", &["report", "alignment", "models", "interventions", "tap", "orthogonal"]),
    (
        "experiment",
        &["recipe", "saved", "report", "alignment", "models", "interventions", "data", "tap", "orthogonal", "tasks"],
    ),
    (
        "tools",
        &[
            "saved",
            "alignment",
            "report",
            "pyvene",
            "intervenable",
            "models",
            "interventions",
            "data",
            "tap",
            "orthogonal",
        ],
    ),
    ("cli", &["tools", "experiment", "bench", "recipe", "report", "models", "data", "tap"]),
];

/// The ground floor: every module may import these, and they import only each other.
const GROUND: [&str; 8] = ["error", "files", "places", "tensors", "device", "measure", "monitor", "hub"];

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

#[test]
fn imports_point_downward() {
    let top = Graph::read(&src()).top();
    let mut wrong = Vec::new();
    for (module, imported) in &top {
        let allowed = match MAY_IMPORT.iter().find(|(name, _)| name == module) {
            Some((_, allowed)) => *allowed,
            None if GROUND.contains(&module.as_str()) => &[],
            None => {
                wrong.push(format!("{module} has no line in MAY_IMPORT"));
                continue;
            }
        };
        for name in imported.iter().map(String::as_str) {
            if !GROUND.contains(&name) && !allowed.contains(&name) {
                wrong.push(format!("{module} imports {name}, which MAY_IMPORT does not allow"));
            }
        }
    }
    for (at, (module, allowed)) in MAY_IMPORT.iter().enumerate() {
        for name in *allowed {
            if !top.get(*module).is_some_and(|imported| imported.contains(*name)) {
                wrong.push(format!("{module} does not import {name}: MAY_IMPORT names it in vain"));
            }
            if !MAY_IMPORT[..at].iter().any(|(below, _)| below == name) {
                wrong.push(format!("{module} may import {name}, which is not below it in MAY_IMPORT"));
            }
        }
    }
    for name in GROUND {
        if !top.values().any(|imported| imported.contains(name)) {
            wrong.push(format!("no module imports {name}: GROUND names it in vain"));
        }
    }
    assert!(top.values().map(|imported| imported.len()).sum::<usize>() > 50, "too few imports were read: {top:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_circle_is_among_the_files_of_a_folder_or_among_the_folders() {
    let graph = Graph::read(&src());
    let circles = graph.circles();
    assert!(circles.is_empty(), "files import each other in a circle:\n{circles:#?}\n{}", edges_of(&graph, &circles));
}

/// The imports within some circles, file by file.
fn edges_of(graph: &Graph, circles: &[String]) -> String {
    let mut text = String::new();
    for (folder, entries) in circles.iter().filter_map(|circle| circle.split_once(": ")) {
        let folder = if folder == "src" { "" } else { folder };
        let entry = |module: &[String]| {
            let path = module.join("/");
            let below = path.strip_prefix(folder)?.trim_start_matches('/');
            let first = below.split('/').next().filter(|first| !first.is_empty()).unwrap_or("mod");
            entries.split(", ").any(|known| known == first).then(|| first.to_owned())
        };
        for (from, to) in &graph.edges {
            if let (Some(a), Some(b)) = (entry(from), entry(to))
                && a != b
            {
                text += &format!("{} -> {}\n", from.join("/"), to.join("/"));
            }
        }
    }
    text
}

#[test]
fn tasks_never_touch_a_tensor() {
    for path in sources(&src().join("tasks")) {
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains("burn"), "{} mentions burn", path.display());
    }
}

#[test]
fn only_the_program_prints_parses_arguments_and_starts_processes() {
    for path in sources(&src()) {
        if path.starts_with(src().join("cli")) || path == src().join("main.rs") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for word in ["println!", "eprintln!", "clap", "indicatif", "process::", "set_hook"] {
            assert!(!text.contains(word), "{} mentions {word}, which belongs into src/cli", path.display());
        }
    }
}

#[test]
fn main_holds_no_logic() {
    let text = fs::read_to_string(src().join("main.rs")).unwrap();
    assert!(!text.contains("burn") && text.lines().count() < 30, "main.rs sets the allocator and calls cli::main");
}
