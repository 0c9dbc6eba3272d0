//! Every command of the README and of the documents is run, in the order of the text.
//!
//! Each document's `sh` blocks are one script, run in a folder that looks like a clone of the repository. Trainings are
//! made short by a wrapper around the program; nothing else is changed. Commands that cannot be run here are listed below
//! with the file that runs them. A document's `text` blocks of usage name commands and options that have to be there.
//! Every example is run too.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use assert_cmd::cargo::cargo_bin;

use crate::common::{needs, tiny};

/// Commands that are not run by this test: how they begin, and which file runs them, with the words that it must hold.
const ELSEWHERE: [(&str, &str, &str); 6] = [
    ("cargo test --release", ".ci/run", "cargo test --release"),
    ("cargo doc", ".ci/run", "cargo doc --release"),
    ("python3 scripts/smollm2.py", ".ci/run", "scripts/smollm2.py"),
    // These need the Hub, which that test simulates.
    ("intervene push", "tests/hub/publish.rs", "\"push\""),
    ("intervene pull", "tests/hub/publish.rs", "\"pull\""),
    ("intervene evaluate me/", "tests/hub/publish.rs", "\"evaluate\""),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The README, and all of the book.
fn documents() -> Vec<PathBuf> {
    let book = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> = book.filter(|path| path.extension().is_some_and(|of| of == "md")).collect();
    found.extend(["README.md", "CONTRIBUTING.md"].map(|name| root().join(name)));
    found.sort();
    found
}

/// The blocks of a document that are fenced as `language`.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut block: Option<(bool, String)> = None;
    for line in text.lines() {
        match (line.trim_start().strip_prefix("```"), block.take()) {
            (Some(fence), None) => block = Some((fence.trim() == language, String::new())),
            (Some(_), Some((true, lines))) => blocks.push(lines),
            (Some(_), Some((false, _))) => {}
            (None, Some((wanted, lines))) => block = Some((wanted, lines + line + "\n")),
            (None, None) => {}
        }
    }
    blocks
}

/// A folder with what a clone has, and commands before those of the system.
fn clone(folder: &Path, model: &Path) -> PathBuf {
    for name in ["recipes", "data", "tests", "scripts", "examples", "benches"] {
        symlink(root().join(name), folder.join(name)).unwrap();
    }
    fs::create_dir_all(folder.join("target/models")).unwrap();
    symlink(model, folder.join("target/models/SmolLM2-135M-Instruct")).unwrap();
    let bin = folder.join("bin");
    fs::create_dir(&bin).unwrap();
    let intervene = cargo_bin!("intervene");
    let examples = intervene.parent().unwrap().join("examples");
    let write = |name: &str, text: String| {
        let path = bin.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    let short = |sets: &[&str]| sets.iter().map(|set| format!(" --set {set}")).collect::<String>();
    let network = short(&[
        "model.training.steps=40",
        "model.training.batch=128",
        "training.steps=20",
        "training.batch=128",
        "evaluation.pairs=200",
        "evaluation.random_rotations=1",
    ]);
    let language = short(&["training.steps=2", "training.batch=4", "evaluation.random_rotations=1"]);
    let few = short(&["data.train_pairs=16", "data.test_pairs=8", "data.validation_pairs=8"]);
    let cells = short(&["sweep.layers=[28]", "sweep.positions=[-1]", "sweep.steps=2"]);
    write("srun", "#!/bin/sh\nexec \"$@\"\n".to_owned());
    write(
        "intervene",
        format!(
            "#!/bin/sh\n\
             case \"$1 $2\" in\n\
             *' 'hierarchical*|*' 'recipes/hierarchical*) [ \"$1\" = train ] && set -- \"$@\" --quiet{network} ;;\n\
             'train 'pairs*|'train 'recipes/pairs*) set -- \"$@\" --quiet{language} ;;\n\
             'train '*) set -- \"$@\" --quiet{language}{few} ;;\n\
             'sweep '*) set -- \"$@\" --quiet{language}{few}{cells} ;;\n\
             esac\n\
             exec {intervene:?} \"$@\"\n"
        ),
    );
    write(
        "cargo",
        format!(
            "#!/bin/sh\n\
             case \"$1 $2 $3\" in\n\
             'run --release --') shift 3; exec intervene \"$@\" ;;\n\
             'run --release --example') name=$4; shift 4; [ \"$1\" = -- ] && shift; exec {examples:?}/\"$name\" \"$@\" ;;\n\
             esac\n\
             echo \"this is not run here: cargo $*\" >&2; exit 1\n"
        ),
    );
    bin
}

/// The script of a document, without what is run elsewhere.
fn script(text: &str, document: &str) -> String {
    let mut script = String::new();
    for line in blocks(text, "sh").concat().lines() {
        let elsewhere = ELSEWHERE.iter().find(|(start, _, _)| line.trim_start().starts_with(start));
        if let Some((start, by, words)) = elsewhere {
            let runs = fs::read_to_string(root().join(by)).unwrap();
            assert!(runs.contains(words), "{document}: `{start}` is not run by {by}");
        } else {
            script += line;
            script.push('\n');
        }
    }
    script
}

/// The argument is a tiny checkpoint, which some examples read instead of a real one.
#[test]
fn every_example_runs() {
    let model = tiny::model("llama");
    let built = cargo_bin!("intervene").parent().unwrap().join("examples");
    let mut names: Vec<String> = fs::read_dir(root().join("examples"))
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    assert!(names.len() >= 4, "only {names:?} were found");
    for name in names {
        let lines = fs::read_to_string(root().join(format!("examples/{name}.rs"))).unwrap().lines().count();
        assert!(lines < 60, "examples/{name}.rs has {lines} lines");
        let example = built.join(&name);
        let output = Command::new(&example).arg(model.path()).output();
        let output = output.unwrap_or_else(|error| {
            panic!("{}: {error}; `cargo build --release --examples` builds it", example.display())
        });
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}:\n{errors}");
        assert!(!output.stdout.is_empty(), "{name} prints nothing");
    }
}

#[test]
fn every_command_runs() {
    let Some(model) = needs::smollm2() else { return };
    let folder = tempfile::tempdir().unwrap();
    let bin = clone(folder.path(), &model.canonicalize().unwrap());
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let mut ran = 0;
    // In the order of their names: a document may go on with the runs that those before it have left.
    for document in documents() {
        let name = document.strip_prefix(root()).unwrap().display().to_string();
        let script = script(&fs::read_to_string(&document).unwrap(), &name);
        ran += script.matches("intervene ").count() + script.matches("cargo run").count();
        let output = Command::new("bash")
            .args(["-euxo", "pipefail", "-c", &script])
            .current_dir(folder.path())
            .env("PATH", &path)
            .env("M", "target/models/SmolLM2-135M-Instruct")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}:\n{said}");
    }
    assert!(ran >= 25, "only {ran} commands were found: the documents are not read any more");
}

/// Usage is `intervene COMMAND …`, in blocks fenced as `text`: each command and each of its options is there, and each
/// command is run in some document or elsewhere.
#[test]
fn usage_names_what_is_there() {
    let mut run: BTreeSet<String> = BTreeSet::new();
    let mut named: BTreeSet<(String, String)> = BTreeSet::new();
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        let commands = |block: &str| {
            let joined =
                block.replace("\\\n", " ").replace("cargo run --release -- ", "intervene ").replace("srun ", "");
            let lines: Vec<String> = joined.lines().map(|line| line.trim_start().to_owned()).collect();
            lines.into_iter().filter_map(|line| line.strip_prefix("intervene ").map(str::to_owned)).collect::<Vec<_>>()
        };
        for line in blocks(&text, "sh").iter().flat_map(|block| commands(block)) {
            run.extend(line.split_whitespace().next().map(str::to_owned));
        }
        for line in blocks(&text, "text").iter().flat_map(|block| commands(block)) {
            let line = line.split(" #").next().unwrap_or_default();
            let command = line.split_whitespace().next().unwrap_or_default();
            let word = |word: &str| word.trim_matches(|c: char| !c.is_alphanumeric() && c != '-').to_owned();
            let options = line.split_whitespace().map(word).filter(|word| word.starts_with("--"));
            named.insert((command.to_owned(), String::new()));
            named.extend(options.map(|option| (command.to_owned(), option)));
        }
    }
    let mut wrong = Vec::new();
    for (command, option) in &named {
        let mut help = Command::new(cargo_bin!("intervene"));
        // `bench step` has the options, not `bench`.
        help.args(if command == "bench" { vec!["bench", "step", "--help"] } else { vec![command, "--help"] });
        let output = help.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() || !text.contains(option.as_str()) {
            wrong.push(format!("intervene {command} {option}: there is no such thing"));
        }
        if option.is_empty() && !run.contains(command) {
            wrong.push(format!("intervene {command}: no document has a command that this test runs"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(named.len() > 20, "only {} commands and options found", named.len());
}
