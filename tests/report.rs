//! The report, opened in a browser: it shows what the run's files say, complains of nothing and asks nobody for anything.

#[path = "common/browser.rs"]
mod browser;
mod common;
#[path = "common/tiny.rs"]
mod tiny;

use std::fs;
use std::path::{Path, PathBuf};

use browser::Browser;
use serde_json::Value;
use tiny::{file, printed, refused};

/// A name that would be a script in a page that forgets to escape it.
const HOSTILE: &str =
    "<img src=x onerror=\"document.title='taken'\"> & </script><script>document.title='taken'</script>";

fn equality(folder: &Path, name: &str, seed: &str) -> PathBuf {
    let out = folder.join(name);
    let sets = [
        "model.training.steps=120",
        "model.training.batch=256",
        "training.steps=60",
        "training.batch=256",
        "training.log_every=5",
        "evaluation.pairs=500",
        "evaluation.random_rotations=2",
    ];
    let mut args =
        vec!["train", "hierarchical_equality_das_mlp", "--quiet", "--seed", seed, "--out", out.to_str().unwrap()];
    args.extend(sets.iter().flat_map(|set| ["--set", set]));
    printed(&args);
    out
}

/// A search in a tiny language model whose name is markup.
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

/// Opens a page at two widths in both colour schemes: nothing is complained of, nothing asked for, nothing wider than the
/// window, no text too faint. Pictures of all four are left in the target folder.
fn looks_right(browser: &mut Browser, page: &Path, name: &str) {
    let pictures = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report");
    fs::create_dir_all(&pictures).unwrap();
    for width in [1280, 390] {
        for dark in [false, true] {
            let scheme = if dark { "dark" } else { "light" };
            browser.open(page, width, dark);
            browser.picture(&pictures.join(format!("{name}-{width}-{scheme}.png")));
            let wide = browser.evaluate("document.documentElement.scrollWidth");
            assert!(wide.as_u64().unwrap() <= u64::from(width), "{name}: {wide} pixels wide in a window of {width}");
            let faint = browser.evaluate(FAINT);
            assert_eq!(faint, Value::Array(vec![]), "{name}, {scheme}: text that can hardly be read");
            assert_eq!(browser.complaints(), Vec::<String>::new(), "{name}");
        }
    }
}

/// Every text whose contrast with its ground is under 4.5 to 1 (WCAG's AA).
const FAINT: &str = r#"(() => {
  const numbers = (colour) => colour.match(/[\d.]+/g).map(Number);
  const linear = (c) => { c /= 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
  const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const ground = (of) => {
    for (let at = of; at; at = at.parentElement) {
      const colour = numbers(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const faint = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let count = 0;
  while (texts.nextNode()) {
    const of = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !of.checkVisibility() || of.closest('script, title, .unseen')) continue;
    const drawn = of.namespaceURI.endsWith('svg');
    const ink = numbers(drawn ? getComputedStyle(of).fill : getComputedStyle(of).color);
    const under = drawn ? numbers(getComputedStyle(of.parentElement.querySelector('rect')).fill) : ground(of);
    const [light, dark] = [luminance(ink), luminance(under)].sort((a, b) => b - a);
    const contrast = (light + 0.05) / (dark + 0.05);
    count += 1;
    if (contrast < 4.5) faint.push(`${contrast.toFixed(2)}: ${texts.currentNode.data.trim()}`);
  }
  if (count < 30) faint.push(`only ${count} texts were looked at`);
  return faint;
})()"#;

/// The lines of the box at the mouse; none while it is hidden.
const TIP: &str = "(() => { const tip = document.getElementById('tip'); \
                   return tip.hidden ? [] : [...tip.children].map((line) => [...line.childNodes].map((part) => part.textContent).join(': ')); })()";

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn a_run_of_two_networks() {
    let Some(mut browser) = Browser::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let run = equality(folder.path(), "run", "0");
    let page = run.join("report.html");
    assert_eq!(printed(&["report", run.to_str().unwrap()]).trim(), page.to_str().unwrap());
    looks_right(&mut browser, &page, "equality");

    browser.open(&page, 1280, false);
    // The causal model: every variable, every arrow, the two that are looked for.
    let drawn = "['.node', '.arrow', '.node.aligned'].map((of) => document.querySelectorAll('.graph ' + of).length)";
    assert_eq!(browser.evaluate(drawn), serde_json::json!([7, 6, 2]));
    // The table of shares holds what metrics.json says, of both networks.
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

    // The curve under the mouse, and by the keys, says what the table and the log say.
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
    assert_eq!(browser.complaints(), Vec::<String>::new());

    // What is folded away is there on paper.
    let paper = browser.call("Page.printToPDF", serde_json::json!({}));
    assert!(paper["data"].as_str().unwrap().len() > 10_000);
    let recipe = browser.evaluate("[...document.querySelectorAll('pre')].at(-1).textContent");
    assert_eq!(recipe.as_str().unwrap().trim(), fs::read_to_string(run.join("recipe.toml")).unwrap().trim());
}

#[test]
fn a_run_on_prompts_with_names_that_nobody_should_trust() {
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

    // Under the mouse a cell says its number; a click leads to its search.
    // The last column's: at the others base and source begin alike, so there is nothing to search.
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
    assert_eq!(browser.complaints(), Vec::<String>::new());
    let panel = browser.evaluate("document.querySelector('.panel:target').innerText");
    assert!(panel.as_str().unwrap().contains(&value(row)), "{panel}");

    fs::remove_file(swept.join("sweep.json")).unwrap();
    refused(&["report", swept.to_str().unwrap()], &["the sweep is not whole"]);
}

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
fn what_is_no_run_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    refused(&["report", path], &["no metrics.json", path]);
    refused(&["report", "no/such/folder"], &["no/such/folder"]);
}
