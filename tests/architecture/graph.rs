//! The modules of `src/` and what each imports of the others.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::imports::{Import, imports};

/// A module's path below the crate: `["alignment", "cache"]`; the crate itself is empty.
pub type Module = Vec<String>;

/// The imports within the crate, from file to file.
pub struct Graph {
    pub edges: BTreeSet<(Module, Module)>,
}

/// The name of a folder's own file, `mod.rs`, among its entries.
const OWN: &str = "mod";

impl Graph {
    /// Reads all files below `src/`, apart from `main.rs`, which is another crate.
    pub fn read(src: &Path) -> Self {
        let mut files: BTreeMap<Module, Vec<Import>> = BTreeMap::new();
        for path in sources(src) {
            let mut module: Module = path
                .strip_prefix(src)
                .unwrap()
                .with_extension("")
                .iter()
                .map(|part| part.to_str().unwrap().to_owned())
                .collect();
            if module == ["main"] {
                continue;
            }
            if module == ["lib"] || module.last().is_some_and(|last| last == OWN) {
                module.pop();
            }
            files.insert(module, imports(&fs::read_to_string(&path).unwrap()));
        }
        let mut edges = BTreeSet::new();
        for (module, imports) in &files {
            // Unit tests may use what they like.
            let tests = |import: &&Import| import.inside.iter().any(|name| name == "tests");
            for import in imports.iter().filter(|import| !import.passed_on && !tests(import)) {
                if let Some(target) = target(&files, module, import, 0).filter(|target| target != module) {
                    edges.insert((module.clone(), target));
                }
            }
        }
        Self { edges }
    }

    /// The imports between the top-level modules: what each imports of the others.
    pub fn top(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut top: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (from, to) in &self.edges {
            if let (Some(from), Some(to)) = (from.first(), to.first())
                && from != to
            {
                top.entry(from.clone()).or_default().insert(to.clone());
            }
        }
        top
    }

    /// The circles among the entries of each folder, as `folder: entry, entry`, sorted. An entry is a file or a folder with all
    /// below it; `src` is a folder too, so circles between the top-level modules are among them.
    pub fn circles(&self) -> Vec<String> {
        let mut folders: BTreeMap<Module, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
        for (from, to) in &self.edges {
            let common = from.iter().zip(to).take_while(|(a, b)| a == b).count();
            let entry = |module: &Module| module.get(common).cloned().unwrap_or_else(|| OWN.to_owned());
            folders.entry(from[..common].to_vec()).or_default().entry(entry(from)).or_default().insert(entry(to));
        }
        let mut circles = BTreeSet::new();
        for (folder, edges) in &folders {
            let reached: BTreeMap<&String, BTreeSet<&String>> =
                edges.keys().map(|entry| (entry, reachable(edges, entry))).collect();
            for (entry, from_here) in &reached {
                let circle: Vec<&str> = from_here
                    .iter()
                    .filter(|other| reached.get(**other).is_some_and(|back| back.contains(entry)))
                    .map(|other| other.as_str())
                    .collect();
                if circle.len() > 1 {
                    let folder = if folder.is_empty() { "src".to_owned() } else { folder.join("/") };
                    circles.insert(format!("{folder}: {}", circle.join(", ")));
                }
            }
        }
        circles.into_iter().collect()
    }
}

fn reachable<'a>(edges: &'a BTreeMap<String, BTreeSet<String>>, start: &String) -> BTreeSet<&'a String> {
    let (mut found, mut open) = (BTreeSet::new(), vec![start]);
    while let Some(entry) = open.pop() {
        for next in edges.get(entry).into_iter().flatten() {
            if found.insert(next) {
                open.push(next);
            }
        }
    }
    found
}

/// The module whose file defines what an import names; `None` for other crates.
fn target(files: &BTreeMap<Module, Vec<Import>>, module: &[String], import: &Import, depth: usize) -> Option<Module> {
    let mut place = [module, &import.inside].concat();
    let mut path = &import.path[..];
    match path.first().map(String::as_str) {
        Some("crate") => {
            place.clear();
            path = &path[1..];
        }
        Some("self") => path = &path[1..],
        Some("super") => {
            while let Some(("super", rest)) = path.split_first().map(|(first, rest)| (first.as_str(), rest)) {
                place.pop();
                path = rest;
            }
        }
        // A module below this one, or another crate.
        Some(_) => {
            if !files.contains_key(&[module, &path[..1]].concat()) {
                return None;
            }
            place = module.to_vec();
        }
        None => {}
    }
    place.extend_from_slice(path);
    let known = (0..=place.len()).rev().find(|length| files.contains_key(&place[..*length]))?;
    let (owner, rest) = place.split_at(known);
    // What a module passes on is defined elsewhere.
    let passed_on = rest.first().and_then(|name| {
        let mut passed_on = files[owner].iter().filter(|import| import.passed_on && import.inside.is_empty());
        passed_on.find(|import| import.path.last() == Some(name))
    });
    match passed_on {
        Some(import) if depth < 8 => target(files, owner, import, depth + 1),
        _ => Some(owner.to_vec()),
    }
}

/// All Rust files below a folder.
pub fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}
