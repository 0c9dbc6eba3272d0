//! The report of a run on prompts, whose names contain markup.

use std::path::{Path, PathBuf};

use crate::common::browser::Browser;
use serde_json::Value;

use super::{json, looks_right};
use crate::common::program::{file, printed};
use crate::common::tiny;

/// A name that would run as a script in a page that does not escape it.
const HOSTILE: &str =
    "<img src=x onerror=\"document.title='taken'\"> & </script><script>document.title='taken'</script>";

/// A search in a tiny language model; the name of the recipe is markup.
fn pairs(folder: &Path, model: &Path) -> PathBuf {
    let line = |base: &str, source: &str, label: &str| {
        format!(
            "{{\"base\": \"{base} sat. Tom?\", \"source\": \"{source} ran. To\", \"label\": \"{label}\", \
             \"base_span\": \"{base}\", \"source_span\": \"{source}\"}}"
        )
    };
    let lines = [line("Ann", "Tom", "a"), line("Tom", "Ann", "b")].join("\n");
    let data = file(folder, "pairs.jsonl", &[&lines, &lines, &lines, &lines, &lines]);
    let text = format!(
        "name = {name}\n[model]\nsource = {model:?}\n[data]\ntrain = {data:?}\ntest = {data:?}\n[intervention]\n\
         kind = \"boundless_rotated_space\"\ncomponent = \"block_output\"\nlayer = 0\n[training]\nsteps = 12\nbatch = 4\n\
         learning_rate = 1e-2\nlog_every = 2\n[evaluation]\nrandom_rotations = 2\n",
        name = Value::from(HOSTILE),
    );
    let recipe = file(folder, "recipe.toml", &[&text]);
    let out = folder.join("pairs");
    printed(&["train", recipe.to_str().unwrap(), "--quiet", "--out", out.to_str().unwrap()]);
    out
}

#[test]
fn a_run_on_prompts_with_hostile_names() {
    let Some(mut browser) = Browser::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let model = tiny::model("gpt2");
    let run = pairs(folder.path(), model.path());
    printed(&["report", run.to_str().unwrap()]);
    let page = run.join("report.html");
    looks_right(&mut browser, &page, "pairs");

    browser.open(&page, 1280, false);
    assert_eq!(browser.evaluate("document.querySelector('h1').textContent"), HOSTILE);
    assert_eq!(browser.evaluate("document.title"), format!("{HOSTILE} · intervene"));
    assert_eq!(browser.evaluate("[document.images.length, document.scripts.length]"), serde_json::json!([0, 1]));

    let examples = json(&run.join("examples.json"));
    let examples = examples.as_array().unwrap();
    assert!(examples.len() >= 6);
    let shown = browser.evaluate(
        "[...document.querySelectorAll('.example')].map((of) => [of.querySelector('.prompts dd').textContent, \
         of.querySelector('.prompts mark').textContent, of.querySelectorAll('.tokens li').length, \
         of.querySelector('.verdict').classList.contains('right')])",
    );
    for (shown, example) in shown.as_array().unwrap().iter().zip(examples) {
        let pieces = example["base"].as_array().unwrap();
        let text: String = pieces.iter().map(|piece| piece["text"].as_str().unwrap()).collect();
        let marked = pieces.iter().find(|piece| piece["marked"] == true).unwrap();
        let right = example["after"][0]["token"] == example["label"];
        assert_eq!(*shown, serde_json::json!([text, marked["text"], 10, right]));
    }
    let after: f64 =
        examples[0]["after"].as_array().unwrap().iter().map(|said| said["probability"].as_f64().unwrap()).sum();
    assert!(after > 0.05 && after < 1.0 + 1e-6, "{after}");
    assert_eq!(browser.evaluate("document.querySelectorAll('.pair .stage').length"), 3);
}
