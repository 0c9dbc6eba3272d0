//! The report: one HTML file that holds everything it shows, and asks nobody for more.
//!
//! What it shows comes as plain words and numbers, [`Page`]; where a thing lies in a picture is worked out here, and what it looks
//! like stands in the templates and the style sheet beside this file. Every name and prompt is somebody else's, so
//! everything is escaped, and the page's own policy forbids it any request and any script but its own.

mod diagram;
mod grid;
mod plot;
mod scores;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::heatmap::Heatmap;
use super::table::Column;
use crate::error::Error;

/// The checksum under which the page allows its script; a browser's console says the right one when it is not.
const SCRIPT_HASH: &str = "sha256-rLU0EzNkFkk6iiQrEHT5Etjgm+jQKtVNNgJhfF8w5Nw=";

/// The page's parts.
const TEMPLATES: [(&str, &str); 8] = [
    ("page.html", include_str!("page.html")),
    ("words.html", include_str!("words.html")),
    ("chapter.html", include_str!("chapter.html")),
    ("diagram.html", include_str!("diagram.html")),
    ("scores.html", include_str!("scores.html")),
    ("plot.html", include_str!("plot.html")),
    ("sweep.html", include_str!("sweep.html")),
    ("examples.html", include_str!("examples.html")),
];

/// A report of one run or sweep, or of several.
#[derive(Clone, Debug)]
pub struct Page {
    /// The heading.
    pub title: String,
    /// One for each run or sweep.
    pub chapters: Vec<Chapter>,
    /// Where the recipes differ: the key, and what stands there in each.
    pub differences: Vec<(String, Vec<String>)>,
}

/// A run, or a sweep.
#[derive(Clone, Debug)]
pub struct Chapter {
    /// What it is called.
    pub name: String,
    /// What was asked, in words.
    pub question: String,
    /// What came of it, in words.
    pub answer: String,
    /// What the network is thought to do.
    pub picture: Picture,
    /// What was intervened on, where and how: names and values.
    pub facts: Vec<(String, String)>,
    /// The numbers that stand large at the beginning.
    pub figures: Vec<Figure>,
    /// Shares from 0 to 1, a column for each network.
    pub scores: Vec<Column>,
    /// What was logged, a picture for each quantity.
    pub curves: Vec<Curve>,
    /// The cells of a sweep.
    pub sweep: Option<Sweep>,
    /// What the model says of some pairs.
    pub examples: Vec<Example>,
    /// The commands that do it again.
    pub commands: Vec<String>,
    /// What it ran on: names and values.
    pub versions: Vec<(String, String)>,
    /// The recipe, as TOML.
    pub recipe: String,
}

/// A number that stands large.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// What it is.
    pub name: String,
    /// The number, as it is to be read.
    pub value: String,
    /// What has to be said of it, such as its interval.
    pub note: String,
}

/// What the network is thought to do.
#[derive(Clone, Debug)]
pub enum Picture {
    /// The variables of a causal model, parents before children.
    Causal(Vec<Node>),
    /// Pairs without a causal model: what a base says after it has taken something over from a source.
    Pair {
        /// The prompt that is intervened on.
        base: Vec<Piece>,
        /// The prompt that it takes something over from.
        source: Vec<Piece>,
        /// What it ought to say then.
        label: String,
        /// Where that happens.
        site: String,
    },
}

/// A variable of a causal model.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// The numbers of those that it is computed from.
    pub parents: Vec<usize>,
    /// Is it looked for in the network?
    pub aligned: bool,
}

/// A quantity over the steps of a training.
#[derive(Clone, Debug)]
pub struct Curve {
    /// The quantity.
    pub title: String,
    /// Is it a share, drawn from 0 to 1?
    pub share: bool,
    /// A name and its points (step, value) for each training.
    pub lines: Vec<(String, Vec<(usize, f64)>)>,
}

/// The cells of a sweep.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// The numbers; several where a sweep has more than two axes.
    pub maps: Vec<Heatmap>,
    /// The cells of each map, in its order, row by row.
    pub cells: Vec<Vec<Option<Cell>>>,
    /// The names of what is known of every cell.
    pub columns: Vec<String>,
    /// What is known of every cell, in the order of the sweep's file.
    pub rows: Vec<Vec<String>>,
}

/// One cell of a sweep.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Where it is, in words.
    pub name: String,
    /// Its row among the sweep's.
    pub row: usize,
    /// From, to.
    pub interval: Option<(f64, f64)>,
    /// Is it the best one?
    pub best: bool,
    /// Its own run, where that has been kept.
    pub curve: Option<Curve>,
}

/// A pair of prompts, and what the model says of it before and after the intervention: an entry of `examples.json`.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// The variables that it swaps.
    pub swapped: Vec<String>,
    /// The prompt that is intervened on.
    pub base: Vec<Piece>,
    /// The prompts that rows are taken from, one for each variable.
    pub sources: Vec<Vec<Piece>>,
    /// What the causal model says after the interchange.
    pub label: String,
    /// The likeliest next tokens without the intervention.
    pub before: Vec<Said>,
    /// The likeliest next tokens with it.
    pub after: Vec<Said>,
}

/// A part of a prompt.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Piece {
    /// Its text.
    pub text: String,
    /// Is it what is read or written?
    pub marked: bool,
}

/// A token that the model might say next.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Said {
    /// Its text, a leading space included.
    pub token: String,
    /// How likely it is.
    pub probability: f64,
}

impl Page {
    /// The page as HTML.
    pub fn html(&self) -> Result<String, Error> {
        let failed = |error: minijinja::Error| {
            let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
            let said: Vec<String> = causes.map(ToString::to_string).collect();
            Error::Invalid(format!("the report cannot be written: {}", said.join(": ")))
        };
        let page = environment().map_err(failed)?;
        let chapters: Vec<Value> = self.chapters.iter().enumerate().map(|(at, chapter)| chapter.view(at)).collect();
        let shown = json!({
            "title": self.title,
            "chapters": chapters,
            "comparison": (self.chapters.len() > 1).then(|| self.comparison()),
            "script_hash": SCRIPT_HASH,
            "script": include_str!("page.js"),
            "style": include_str!("page.css"),
            "version": env!("CARGO_PKG_VERSION"),
        });
        let shown = minijinja::Value::from(Serde(&shown));
        page.get_template("page.html").and_then(|template| template.render(shown)).map_err(failed)
    }

    /// The chapters beside each other.
    fn comparison(&self) -> Value {
        let first = |chapter: &Chapter| {
            let column = chapter.scores.first()?;
            Some(Column { name: chapter.name.clone(), rows: column.rows.clone() })
        };
        let columns: Vec<Column> = self.chapters.iter().filter_map(first).collect();
        let mut titles: Vec<&str> = Vec::new();
        for curve in self.chapters.iter().flat_map(|chapter| &chapter.curves) {
            if !titles.contains(&&*curve.title) {
                titles.push(&curve.title);
            }
        }
        let names: Vec<&String> = self.chapters.iter().map(|chapter| &chapter.name).collect();
        json!({
            "scores": scores::view(&columns),
            "plots": titles.into_iter().map(|title| plot::view(&self.curves(title))).collect::<Vec<_>>(),
            "names": names,
            "differences": self.differences,
        })
    }

    /// The first curve of that title of every chapter, in one picture.
    fn curves(&self, title: &str) -> Curve {
        let of = |chapter: &Chapter| {
            let curve = chapter.curves.iter().find(|curve| curve.title == title)?;
            curve.lines.first().map(|(_, points)| (curve.share, (chapter.name.clone(), points.clone())))
        };
        let (shares, lines): (Vec<bool>, Vec<_>) = self.chapters.iter().filter_map(of).unzip();
        Curve { title: title.to_owned(), share: shares.contains(&true), lines }
    }
}

impl Chapter {
    fn view(&self, at: usize) -> Value {
        let id = format!("r{}", at + 1);
        let (graph, pair) = match &self.picture {
            Picture::Causal(nodes) => (Some(diagram::view(nodes)), None),
            Picture::Pair { base, source, label, site } => {
                (None, Some(json!({"base": base, "source": source, "label": label, "site": site})))
            }
        };
        json!({
            "name": self.name,
            "question": self.question,
            "answer": self.answer,
            "graph": graph,
            "pair": pair,
            "facts": self.facts,
            "figures": self.figures,
            "scores": scores::view(&self.scores),
            "plots": self.curves.iter().map(plot::view).collect::<Vec<_>>(),
            "sweep": self.sweep.as_ref().map(|sweep| grid::view(sweep, &id)),
            "examples": self.examples,
            "commands": self.commands,
            "versions": self.versions,
            "recipe": self.recipe,
            "id": id,
        })
    }
}

fn environment() -> Result<Environment<'static>, minijinja::Error> {
    let mut page = Environment::new();
    page.set_auto_escape_callback(|_| AutoEscape::Html);
    page.set_undefined_behavior(UndefinedBehavior::Strict);
    page.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    page.add_filter("fixed", |value: f64, places: usize| format!("{value:.places$}"));
    page.add_filter("token", visible);
    for (name, text) in TEMPLATES {
        page.add_template(name, text)?;
    }
    Ok(page)
}

/// A token's text with its spaces and line breaks made visible.
fn visible(text: String) -> String {
    text.replace(' ', "␣").replace('\n', "⏎").replace('\t', "⇥")
}
