//! The report that compares several runs; folders that are no runs are refused.

use crate::common::browser::Browser;

use super::{equality, json, looks_right};
use crate::common::program::{printed, refused};

#[test]
fn several_runs_are_compared() {
    let Some(mut browser) = Browser::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let runs = [("one", "0"), ("two", "1")].map(|(name, seed)| equality(folder.path(), name, seed));
    let page = folder.path().join("both.html");
    let [one, two] = runs.each_ref().map(|run| run.to_str().unwrap());
    printed(&["report", one, two, "--out", page.to_str().unwrap()]);
    looks_right(&mut browser, &page, "comparison");
    browser.open(&page, 1280, false);
    let names = "[...document.querySelectorAll('.chapter h2')].map((of) => of.textContent)";
    assert_eq!(browser.evaluate(names), serde_json::json!(["one", "two"]));
    let differs = "[...document.querySelectorAll('.differences tbody tr')].map((row) => row.innerText.split('\\t'))";
    assert_eq!(browser.evaluate(differs), serde_json::json!([["seed", "0", "1"]]));
    let first = "[...document.querySelectorAll('.scores .score')].slice(0, 2).map((row) => row.cells[2].textContent)";
    let iia = runs.each_ref().map(|run| format!("{:.3}", json(&run.join("metrics.json"))["iia"].as_f64().unwrap()));
    assert_eq!(browser.evaluate(first), serde_json::json!(iia));
}

#[test]
fn folders_that_are_no_runs_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    refused(&["report", path], &["no metrics.json", path]);
    refused(&["report", "no/such/folder"], &["no/such/folder"]);
}
