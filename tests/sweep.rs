//! A sweep ends with the same table however often it is killed and however many processes share it.

mod processes;
mod refusals;
mod results;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;

use crate::common::tiny;

/// Twenty-four cells at six places, of a tiny model.
const SWEEP: &str = "\
[sweep]
layers = \"all\"
positions = [0, 1, \"last\"]
ranks = [1, 2]
seeds = \"0..2\"
";

const CELLS: usize = 24;

const PLACES: usize = 6;

/// A tiny model, pairs of prompts for it, and a recipe.
struct Work(tempfile::TempDir);

impl Work {
    fn new() -> Self {
        let work = Self(tiny::model("gpt2"));
        let pairs = |count: usize, from: usize| {
            let word = |at: usize| char::from(b'a' + u8::try_from((at * 7 + from) % 26).unwrap());
            let line = |at: usize| {
                let (base, source) = (word(at), word(at + 3));
                let label = [".", ",", "!", "?"][at % 4];
                let longer = ["", "x"][at % 2];
                format!(
                    "{{\"base\": \"Ann{base}{longer}\", \"source\": \"Ann{source}q{longer}\", \"label\": \"{label}\"}}"
                )
            };
            (0..count).map(line).collect::<Vec<_>>().join("\n")
        };
        fs::write(work.path("train.jsonl"), pairs(24, 0)).unwrap();
        fs::write(work.path("validation.jsonl"), pairs(16, 5)).unwrap();
        fs::write(work.path("test.jsonl"), pairs(12, 9)).unwrap();
        work.recipe("recipe.toml", SWEEP);
        work
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn recipe(&self, name: &str, sweep: &str) -> PathBuf {
        let folder = self.0.path().display();
        let text = format!(
            "[model]\nsource = \"{folder}\"\n\n\
             [data]\ntrain = \"{folder}/train.jsonl\"\n\
             validation = \"{folder}/validation.jsonl\"\ntest = \"{folder}/test.jsonl\"\n\n\
             [intervention]\nkind = \"low_rank_rotated_space\"\nrank = 1\ncomponent = \"block_output\"\nlayer = 0\n\
             position = \"last\"\n\n\
             [training]\nsteps = 60\nbatch = 8\nlog_every = 4\n\n\
             [evaluation]\nrandom_rotations = 2\n\n{sweep}"
        );
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn command(&self, recipe: &str, out: &str, more: &[&str]) -> Command {
        let mut command = Command::new(cargo_bin!("intervene"));
        command.arg("sweep").arg(self.path(recipe)).arg("--out").arg(self.path(out)).args(more);
        command
    }

    fn swept(&self, out: &str, more: &[&str]) -> Output {
        let output = self.command("recipe.toml", out, more).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        output
    }

    fn table(&self, out: &str) -> String {
        fs::read_to_string(self.path(out).join("sweep.csv")).unwrap()
    }

    /// The places that are finished.
    fn places(&self, out: &str) -> Vec<String> {
        let Ok(cells) = fs::read_dir(self.path(out).join("cells")) else { return Vec::new() };
        let names = cells.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter_map(|name| name.strip_suffix(".json").filter(|n| !n.starts_with('.')).map(str::to_owned)).collect()
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// The number of cells that a process searched itself, from its standard error.
fn searched(stderr: &str) -> usize {
    let line = stderr.lines().find_map(|line| line.strip_prefix("searched ")).unwrap_or_else(|| panic!("{stderr}"));
    line.split(' ').next().unwrap().parse().unwrap()
}
