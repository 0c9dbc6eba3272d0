//! The report, opened in a browser: it shows what the files of the run say, without errors and without requests.

mod comparison;
mod events;
mod heatmap;
mod interval;
mod network_run;
mod prompts_run;
mod sweep;
mod table;
mod terminal;

use std::fs;
use std::path::{Path, PathBuf};

use crate::common::browser::Browser;
use serde_json::Value;

use crate::common::program::printed;

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

/// Opens a page at two widths in both colour schemes: there are no errors and no requests, nothing is wider than the
/// window, and every text has enough contrast. Pictures of all four are left in the target folder.
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
            assert_eq!(faint, Value::Array(vec![]), "{name}, {scheme}: text with too little contrast");
            assert_eq!(browser.problems(), Vec::<String>::new(), "{name}");
        }
    }
}

/// Every text whose contrast with its background is under 4.5 to 1 (WCAG's AA).
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

/// The lines of the tooltip; none while it is hidden.
const TIP: &str = "(() => { const tip = document.getElementById('tip'); \
                   return tip.hidden ? [] : [...tip.children].map((line) => [...line.childNodes].map((part) => part.textContent).join(': ')); })()";

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}
