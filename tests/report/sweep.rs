//! The report of a sweep.

use std::fs;
use std::path::{Path, PathBuf};

use crate::common::browser::Browser;

use super::{TIP, json, looks_right};
use crate::common::program::{file, printed, refused};
use crate::common::tiny;

/// A sweep over two layers, two positions and two seeds of a tiny language model.
fn sweep(folder: &Path, model: &Path) -> PathBuf {
    let line = |at: usize| {
        let word = |at: usize| char::from(b'a' + u8::try_from(at % 26).unwrap());
        let label = [".", ",", "!", "?"][at % 4];
        format!(
            "{{\"base\": \"Ann{}\", \"source\": \"Ann{}q\", \"label\": \"{label}\"}}",
            word(at * 7),
            word(at * 5 + 1)
        )
    };
    let pairs = |name: &str, from: usize| {
        let lines: Vec<String> = (from..from + 16).map(line).collect();
        file(folder, name, &lines.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let [train, validation, test] =
        [("train.jsonl", 0), ("validation.jsonl", 16), ("test.jsonl", 32)].map(|(name, from)| pairs(name, from));
    let text = format!(
        "name = \"tiny sweep\"\n[model]\nsource = {model:?}\n[data]\ntrain = {train:?}\nvalidation = {validation:?}\n\
         test = {test:?}\n[intervention]\nkind = \"low_rank_rotated_space\"\nrank = 1\ncomponent = \"block_output\"\n\
         layer = 0\nposition = \"last\"\n[training]\nsteps = 8\nbatch = 8\nlog_every = 2\n[evaluation]\n\
         random_rotations = 1\n[sweep]\nlayers = \"all\"\npositions = [0, 1, \"last\"]\nseeds = [0, 3]\n",
    );
    let recipe = file(folder, "sweep.toml", &[&text]);
    let out = folder.join("sweep");
    printed(&["sweep", recipe.to_str().unwrap(), "--quiet", "--out", out.to_str().unwrap()]);
    out
}

#[test]
fn a_sweep_has_its_heatmap() {
    let Some(mut browser) = Browser::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let model = tiny::model("gpt2");
    let swept = sweep(folder.path(), model.path());
    printed(&["report", swept.to_str().unwrap()]);
    let page = swept.join("report.html");
    looks_right(&mut browser, &page, "sweep");

    browser.open(&page, 1280, false);
    let table = fs::read_to_string(swept.join("sweep.csv")).unwrap();
    let rows: Vec<Vec<&str>> = table.lines().skip(1).map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), 12);
    let shown = "[...document.querySelectorAll('.square a')].map((of) => [of.dataset.name, of.dataset.value])";
    let shown: Vec<(String, String)> = serde_json::from_value(browser.evaluate(shown)).unwrap();
    assert_eq!(shown.len(), rows.len(), "as many cells as the sweep has");
    let value = |row: &[&str]| format!("{:.4}", row[5].parse::<f64>().unwrap());
    for row in &rows {
        let name = format!("layer {}, position {}, rank {}, seed {}", row[0], row[1], row[3], row[4]);
        assert!(shown.contains(&(name.clone(), value(row))), "{name} is {} in the table; {shown:?}", value(row));
    }
    let best = json(&swept.join("sweep.json"));
    let of = browser.evaluate("[...document.querySelectorAll('.square.best a')].map((of) => of.dataset.name)");
    let part = |key: &str| best["best"][key].to_string().trim_matches('"').to_owned();
    let title = ["layer", "position", "rank", "seed"].map(|key| format!("{key} {}", part(key))).join(", ");
    assert_eq!(of, serde_json::json!([title]));

    // A tooltip shows the number of a cell, and a click opens its search. The cell is in the last column: in the others
    // base and source begin with the same tokens, so nothing is searched.
    let (x, y) = browser.middle(".heatmap tbody td:last-child a");
    browser.hover(x, y);
    let tip: Vec<String> = serde_json::from_value(browser.evaluate(TIP)).unwrap();
    let row = rows.iter().find(|row| row[..5] == ["0", "last", "", "1", "0"]).unwrap();
    let interval = |at: usize| format!("{:.3}", row[at].parse::<f64>().unwrap());
    let name = "layer 0, position last, rank 1, seed 0";
    let expected =
        [name.to_owned(), format!("IIA: {}", value(row)), format!("95%: {} to {}", interval(6), interval(7))];
    assert_eq!(tip, expected);
    let visible = "[...document.querySelectorAll('.panel')].filter((of) => of.checkVisibility()).map((of) => of.getAttribute('aria-label'))";
    assert_eq!(browser.evaluate(visible), serde_json::json!([]));
    browser.click(x, y);
    assert_eq!(browser.evaluate(visible), serde_json::json!([name]));
    let steps = "[...document.querySelectorAll('.panel:target .plot tbody tr')].map((row) => row.cells[0].textContent)";
    assert_eq!(browser.evaluate(steps), serde_json::json!(["2", "4", "6", "8"]));
    assert_eq!(browser.problems(), Vec::<String>::new());
    let panel = browser.evaluate("document.querySelector('.panel:target').innerText");
    assert!(panel.as_str().unwrap().contains(&value(row)), "{panel}");

    fs::remove_file(swept.join("sweep.json")).unwrap();
    refused(&["report", swept.to_str().unwrap()], &["the sweep is not whole"]);
}
