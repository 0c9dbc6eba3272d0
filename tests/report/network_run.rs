//! The report of a run on two networks.

use std::fs;

use crate::common::browser::Browser;
use serde_json::Value;

use super::{TIP, equality, json, looks_right};
use crate::common::program::printed;

#[test]
fn a_run_of_two_networks() {
    let Some(mut browser) = Browser::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let run = equality(folder.path(), "run", "0");
    let page = run.join("report.html");
    assert_eq!(printed(&["report", run.to_str().unwrap()]).trim(), page.to_str().unwrap());
    looks_right(&mut browser, &page, "equality");

    browser.open(&page, 1280, false);
    // The causal model: every variable, every arrow, and the two aligned variables.
    let drawn = "['.node', '.arrow', '.node.aligned'].map((of) => document.querySelectorAll('.graph ' + of).length)";
    assert_eq!(browser.evaluate(drawn), serde_json::json!([7, 6, 2]));
    // The table of scores equals metrics.json for both networks.
    let metrics = json(&run.join("metrics.json"));
    let shares = browser.evaluate(
        "[...document.querySelectorAll('.scores .score')].map((row) => [...row.cells].map((cell) => cell.textContent.trim()))",
    );
    let shares: Vec<Vec<String>> = serde_json::from_value(shares).unwrap();
    let of = |network: &Value| format!("{:.3}", network["iia"].as_f64().unwrap());
    assert_eq!((&*shares[0][0], &*shares[0][2]), ("network", &*of(&metrics)));
    assert_eq!((&*shares[1][0], &*shares[1][2]), ("contrast", &*of(&metrics["contrast"])));
    let interval: Vec<f64> = serde_json::from_value(metrics["iia_interval"].clone()).unwrap();
    assert_eq!(shares[0][3], format!("{:.3} to {:.3}", interval[0], interval[1]));

    // The tooltips of the curve, by mouse and by keyboard, equal the table and the log.
    let (x, y) = browser.middle(".plot .field");
    browser.hover(x, y);
    let tip: Vec<String> = serde_json::from_value(browser.evaluate(TIP)).unwrap();
    assert_eq!(tip[0], "step 30");
    let log = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let logged = |phase: &str| {
        let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let line = lines.into_iter().find(|line| line["phase"] == phase && line["step"] == 30).unwrap();
        format!("{:.3}", line["iia"].as_f64().unwrap())
    };
    assert_eq!(
        tip[1..],
        [format!("network: {}", logged("network/search")), format!("contrast: {}", logged("contrast/search"))]
    );
    let table = browser.evaluate(
        "[...document.querySelector('.plot').querySelectorAll('tbody tr')].filter((row) => row.cells[0].textContent === '30').map((row) => [...row.cells].map((cell) => cell.textContent))[0]",
    );
    assert_eq!(table, serde_json::json!(["30", logged("network/search"), logged("contrast/search")]));
    browser.evaluate("document.querySelector('.field').focus()");
    for key in ["End", "ArrowLeft"] {
        browser.call("Input.dispatchKeyEvent", serde_json::json!({"type": "keyDown", "key": key}));
    }
    assert_eq!(browser.evaluate(TIP)[0], "step 55");
    assert_eq!(browser.problems(), Vec::<String>::new());

    // Collapsed sections are printed.
    let paper = browser.call("Page.printToPDF", serde_json::json!({}));
    assert!(paper["data"].as_str().unwrap().len() > 10_000);
    let recipe = browser.evaluate("[...document.querySelectorAll('pre')].at(-1).textContent");
    assert_eq!(recipe.as_str().unwrap().trim(), fs::read_to_string(run.join("recipe.toml")).unwrap().trim());
}
