//! The model card of a published intervention: `README.md` with the front matter that the Hugging Face Hub reads.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value, context};
use serde::Serialize;

use crate::error::Error;

/// The template of the card's text.
const TEMPLATE: &str = include_str!("card.md.j2");

/// The content of a card: texts and numbers.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Card {
    /// The repository `ORG/NAME` that it is published in.
    pub id: String,
    /// The model's name on the Hub, if the model is on the Hub.
    pub base_model: Option<String>,
    /// The model as commands name it: with its commit, if it is on the Hub.
    pub model: String,
    /// Whether it is a language model.
    pub language: bool,
    /// Tags in addition to those of every intervention.
    pub tags: Vec<String>,
    /// The data sets, as the Hub names them.
    pub datasets: Vec<String>,
    /// The task.
    pub task: String,
    /// The source of the pairs: its name, and its type in the card's index.
    pub dataset: (String, String),
    /// One sentence about the subspace and its IIA.
    pub summary: String,
    /// The IIA first, then its controls.
    pub metrics: Vec<Metric>,
    /// The model, site, position and subspace: names and values.
    pub places: Vec<(String, String)>,
    /// The training, in words.
    pub method: String,
    /// The pictures: a title, and the file's name.
    pub plots: Vec<(String, String)>,
}

/// One number of a card.
#[derive(Clone, Debug, Serialize)]
pub struct Metric {
    /// The name in the card's index, for example `iia`.
    pub kind: String,
    /// The name in the card's table.
    pub name: String,
    /// The value.
    pub value: f64,
    /// The value as text.
    pub shown: String,
    /// Its 95% interval as text; empty if there is none.
    pub interval: String,
}

impl Metric {
    /// A share from 0 to 1, with its interval if it has one.
    #[must_use]
    pub fn share(kind: &str, name: &str, value: f64, interval: Option<[f64; 2]>) -> Self {
        Self {
            kind: kind.to_owned(),
            name: name.to_owned(),
            value,
            shown: format!("{value:.3}"),
            interval: interval.map_or_else(String::new, |[low, high]| format!("{low:.3} to {high:.3}")),
        }
    }
}

impl Card {
    /// The card as Markdown; an error if the template fails.
    pub fn markdown(&self) -> Result<String, Error> {
        let wrong = |error: minijinja::Error| Error::Invalid(format!("the model card cannot be written: {error}"));
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build();
        environment.set_syntax(syntax.map_err(wrong)?);
        environment.add_template("card", TEMPLATE).map_err(wrong)?;
        let own = ["das", "causal-abstraction", "interpretability", "mechanistic-interpretability", "intervene"];
        let tags: Vec<String> = own.into_iter().map(str::to_owned).chain(self.tags.iter().cloned()).collect();
        let name = self.id.rsplit('/').next().unwrap_or_default().to_owned();
        let untrained = self.metrics.iter().any(|metric| metric.kind.contains("untrained"));
        let (dataset, dataset_type) = &self.dataset;
        let pairs = |pairs: &[(String, String)]| -> Vec<Value> {
            pairs.iter().cloned().map(|(name, value)| context! { name, value }).collect()
        };
        let (places, plots) = (pairs(&self.places), pairs(&self.plots));
        let own = Value::from(Serde(self));
        let values = context! { name, tags, dataset, dataset_type, untrained, places, plots, ..own };
        environment.get_template("card").and_then(|card| card.render(values)).map_err(wrong)
    }
}
