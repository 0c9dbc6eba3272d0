//! Mistakes in a sweep are refused with their line, before any cell is searched.

use std::fmt::Write;
use std::fs;

use super::Work;
use crate::common::program;

#[test]
fn a_folder_with_another_recipe_is_refused() {
    let work = Work::new();
    work.swept("out", &["--quiet"]);
    let out = work.path("out").display().to_string();
    let recipe = work.path("recipe.toml").display().to_string();
    let refused = |set: &str, parts: &[&str]| {
        program::refused(&["sweep", &recipe, "--quiet", "--out", &out, "--set", set], parts);
    };
    refused("training.steps=61", &["training.steps = 60", "says 61", "name a new folder"]);
    refused("sweep.layers=[0]", &["sweep.layers = \"all\"", "says [0]"]);
    refused("intervention.rank=2", &["intervention.rank = 1", "says 2"]);
    refused("sweep.steps=5", &["sweep.steps = nothing", "says 5"]);
    // Keys that do not change the table may differ.
    work.swept("out", &["--quiet", "--set", "name=other", "--device", "cpu"]);

    fs::create_dir(work.path("other")).unwrap();
    fs::write(work.path("other/notes.txt"), "mine").unwrap();
    let other = work.path("other").display().to_string();
    program::refused(&["sweep", &recipe, "--out", &other], &["other", "holds `notes.txt` and no sweep"]);
    let best = format!("{out}/best");
    program::refused(&["sweep", &recipe, "--out", &best], &["the folder of a run, not of a sweep"]);
    work.recipe("plain.toml", "");
    let plain = work.path("plain.toml").display().to_string();
    program::refused(&["sweep", &plain, "--out", &other], &["plain: the recipe has no [sweep]"]);
}

#[test]
fn mistakes_in_the_section_are_refused_with_their_line() {
    let work = Work::new();
    let mut text = String::new();
    let cases: [(&str, &[&str]); 14] = [
        ("layerz = [0]", &["bad.toml:25:", "unknown key `layerz`", "did you mean `layers`?"]),
        ("layers = \"0-3\"", &["bad.toml:25:", "`0-3` is no axis", "\"0..30:3\""]),
        ("layers = \"0..4:0\"", &["bad.toml:25:", "`0..4:0` is no axis"]),
        ("layers = 3", &["bad.toml:25:", "a list such as [0, 5]"]),
        ("layers = [-1]", &["bad.toml:25:", "-1"]),
        ("layers = []", &["bad.toml:25:", "sweep.layers: at least one is needed"]),
        ("layers = [1, 0, 1]", &["bad.toml:25:", "sweep.layers: 1 stands there twice"]),
        ("positions = [\"name:midst\"]", &["bad.toml:25:", "unknown choice of tokens `midst`"]),
        ("heads = [0]", &["bad.toml:25:", "sweep.heads: block_output is not one of the `head_` components"]),
        ("ranks = [0, 1]", &["bad.toml:25:", "sweep.ranks: at least 1"]),
        ("ranks = \"all\"", &["bad.toml:25:", "sweep.ranks: there is no end of ranks"]),
        ("seeds = \"0..4000000000\"", &["bad.toml:25:", "sweep.seeds: 4000000000 of them", "at most 100000"]),
        ("steps = 0", &["bad.toml:25:", "sweep.steps: at least 1"]),
        ("seeds = [0]\nrandom_rotations = \"no\"", &["bad.toml:26:", "invalid type"]),
    ];
    for (line, parts) in cases {
        text.clear();
        let _ = write!(text, "[sweep]\n{line}\n");
        let path = work.recipe("bad.toml", &text);
        program::refused(&["check", path.to_str().unwrap()], parts);
        program::refused(&["sweep", path.to_str().unwrap(), "--out", work.path("bad").to_str().unwrap()], parts);
    }
    assert!(!work.path("bad").exists(), "a refused recipe leaves no folder");

    let path = work.recipe("bad.toml", "[sweep]\nlayers = [0]\n");
    let whole = fs::read_to_string(&path).unwrap();
    let lines = whole.lines().filter(|line| !line.starts_with("validation"));
    fs::write(&path, lines.collect::<Vec<_>>().join("\n")).unwrap();
    program::refused(&["check", path.to_str().unwrap()], &["bad.toml:23: sweep: there are no validation pairs"]);

    // Mistakes that show only with the model and the pairs are refused before any cell is searched.
    for (line, part) in [
        ("layers = \"0..9\"", "layer 2 does not exist: the model has 2"),
        ("ranks = [1, 4000]", "4000 columns are more than the site is wide"),
        ("positions = [0, 9]", "position 9 does not exist"),
        ("positions = [0, \"name\"]", "there is no position `name`"),
    ] {
        let path = work.recipe("bad.toml", &format!("[sweep]\n{line}\n"));
        let out = work.path("unfit");
        program::refused(&["sweep", path.to_str().unwrap(), "--quiet", "--out", out.to_str().unwrap()], &[part]);
        assert!(!out.exists(), "a recipe that does not fit leaves no folder");
    }
}
