//! `metrics.jsonl` as curves.

use std::path::Path;

use serde_json::{Map, Value};

use crate::error::Error;
use crate::files;
use crate::report::page::QuantityCurves;

/// What is drawn, in this order, under what heading, and whether it is a share. Learning rates, temperatures and the
/// orthogonality error are TensorBoard's.
const DRAWN: [(&str, &str, bool); 4] = [
    ("iia", "IIA on the training batch", true),
    ("loss", "Loss", false),
    ("boundary", "Boundary: the share of the columns that is exchanged", true),
    ("taken", "Share of the columns that is exchanged", true),
];

/// The curves of the searches in a run folder's log; `name` is what a run without several networks calls its own.
pub fn curves(folder: &Path, name: &str) -> Result<Vec<QuantityCurves>, Error> {
    let path = folder.join("metrics.jsonl");
    let text = files::read_text(&path)?;
    let mut lines: Vec<Map<String, Value>> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let read = serde_json::from_str(line);
        lines.push(read.map_err(|error| Error::content(&path, format!("line {}: {error}", at + 1)))?);
    }
    let phase = |line: &Map<String, Value>| line.get("phase").and_then(Value::as_str).unwrap_or_default().to_owned();
    // `network/search` and `contrast/search`, or `search`; what trains the network itself is no search.
    let mut searches: Vec<String> = Vec::new();
    for line in &lines {
        let phase = phase(line);
        if phase.ends_with("search") && !searches.contains(&phase) {
            searches.push(phase);
        }
    }
    let curve = |(key, title, share): (&str, &str, bool)| {
        let of = |search: &String| {
            let points = lines
                .iter()
                .filter(|line| phase(line) == *search)
                .filter_map(|line| Some((line.get("step")?.as_u64()? as usize, line.get(key)?.as_f64()?)));
            let points: Vec<(usize, f64)> = points.collect();
            let network = search.strip_suffix("/search").unwrap_or(name).to_owned();
            (!points.is_empty()).then_some((network, points))
        };
        QuantityCurves { title: title.to_owned(), share, lines: searches.iter().filter_map(of).collect() }
    };
    Ok(DRAWN.into_iter().map(curve).filter(|curve| !curve.lines.is_empty()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_search_is_a_line_and_the_networks_training_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let line = |phase: &str, step: u32, iia: &str| {
            format!("{{\"phase\":\"{phase}\",\"step\":{step},\"loss\":0.5,\"iia\":{iia},\"learning_rate\":0.1}}\n")
        };
        let text =
            [line("network/network", 1, "0"), line("network/search", 1, "0.5"), line("network/search", 2, "null")];
        files::write(&path, (text.concat() + &line("contrast/search", 1, "0.25")).as_bytes()).unwrap();
        let curves = curves(folder.path(), "run").unwrap();
        assert_eq!(curves.iter().map(|curve| &*curve.title).collect::<Vec<_>>(), ["IIA on the training batch", "Loss"]);
        let lines = [("network".to_owned(), vec![(1, 0.5)]), ("contrast".to_owned(), vec![(1, 0.25)])];
        assert_eq!(curves[0].lines, lines);
        files::write(&path, b"{\"phase\": \n").unwrap();
        let error = super::curves(folder.path(), "run").unwrap_err().to_string();
        assert!(error.contains("metrics.jsonl: line 1"), "{error}");
    }
}
