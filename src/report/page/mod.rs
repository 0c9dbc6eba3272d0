//! The report: one self-contained HTML file without external scripts, styles or fonts.
//!
//! The content is plain texts and numbers, [`Page`]. This module computes the positions in the pictures; the templates and
//! the style sheet beside this file define the appearance. Names and prompts are untrusted, so all of them are escaped, and
//! the page's content security policy forbids network requests and foreign scripts.

mod content;
mod diagram;
mod grid;
mod plot;
mod scores;

pub use self::content::{
    DiagramNode, Example, Figure, NextToken, Picture, Piece, QuantityCurves, SweepCell, SweepGrid,
};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde_json::{Value, json};

use super::table::Column;
use crate::error::Error;

/// The checksum of `page.js` in the page's security policy. If it is wrong, a browser's console shows the right one.
const SCRIPT_HASH: &str = "sha256-qHbL0zf3r3m7EnR6Jzmou+wZjEyzFiTE3BA1d8pBnoc=";

/// The templates of the page, by name.
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

/// The report of one or several runs or sweeps.
#[derive(Clone, Debug)]
pub struct Page {
    /// The heading.
    pub title: String,
    /// One chapter for each run or sweep.
    pub chapters: Vec<Chapter>,
    /// The keys whose values differ between the recipes, and the value in each recipe.
    pub differences: Vec<(String, Vec<String>)>,
}

/// The report of one run or sweep.
#[derive(Clone, Debug)]
pub struct Chapter {
    /// The name of the run or sweep.
    pub name: String,
    /// The question of the experiment, in words.
    pub question: String,
    /// The result, in words.
    pub answer: String,
    /// The causal model, or a pair of prompts.
    pub picture: Picture,
    /// The model, the site and the method: names and values.
    pub facts: Vec<(String, String)>,
    /// The main numbers, shown large at the beginning.
    pub figures: Vec<Figure>,
    /// Shares from 0 to 1, one column for each network.
    pub scores: Vec<Column>,
    /// The logged quantities, one picture for each.
    pub curves: Vec<QuantityCurves>,
    /// The cells of a sweep.
    pub sweep: Option<SweepGrid>,
    /// The model's predictions on some pairs.
    pub examples: Vec<Example>,
    /// The commands that reproduce the run.
    pub commands: Vec<String>,
    /// The versions and the machine: names and values.
    pub versions: Vec<(String, String)>,
    /// The recipe, as TOML.
    pub recipe: String,
}

impl Page {
    /// The page as HTML; an error if a template fails.
    pub fn html(&self) -> Result<String, Error> {
        let failed = |error: minijinja::Error| {
            let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
            let messages: Vec<String> = causes.map(ToString::to_string).collect();
            Error::Invalid(format!("the report cannot be written: {}", messages.join(": ")))
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

    /// The template's values for the comparison of the chapters.
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

    /// The first curve with this title of every chapter, in one picture.
    fn curves(&self, title: &str) -> QuantityCurves {
        let first = |chapter: &Chapter| {
            let curve = chapter.curves.iter().find(|curve| curve.title == title)?;
            curve.lines.first().map(|(_, points)| (curve.share, (chapter.name.clone(), points.clone())))
        };
        let (shares, lines): (Vec<bool>, Vec<_>) = self.chapters.iter().filter_map(first).unzip();
        QuantityCurves { title: title.to_owned(), share: shares.contains(&true), lines }
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

/// A token's text with visible symbols for spaces, line breaks and tabs.
fn visible(text: String) -> String {
    text.replace(' ', "␣").replace('\n', "⏎").replace('\t', "⇥")
}
