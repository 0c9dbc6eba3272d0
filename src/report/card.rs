//! The model card of a published intervention: `README.md`, with the front matter that the Hugging Face Hub reads.

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, Value, context};

use crate::error::Error;

/// The card's text, with places for what differs.
const TEMPLATE: &str = include_str!("card.md.j2");

/// What a card tells; words and numbers only.
#[derive(Clone, Debug, Default)]
pub struct Card {
    /// `ORG/NAME`, where it is published.
    pub id: String,
    /// The model's name on the Hub, where it is from there.
    pub base_model: Option<String>,
    /// How the model is named in commands: with its commit, where it is from the Hub.
    pub model: String,
    /// Is it a language model?
    pub language: bool,
    /// More tags than those that every intervention has.
    pub tags: Vec<String>,
    /// Data sets of the Hub.
    pub datasets: Vec<String>,
    /// The task whose causal model is meant.
    pub task: String,
    /// Where the pairs came from: a name, and its kind in the card's index.
    pub dataset: (String, String),
    /// One sentence: what was found, and how well it does.
    pub summary: String,
    /// The IIA first, then its controls.
    pub metrics: Vec<Metric>,
    /// Where it was found: names and values.
    pub places: Vec<(String, String)>,
    /// How it was found.
    pub method: String,
    /// Pictures: what they show, and the file.
    pub plots: Vec<(String, String)>,
}

/// One number of a card.
#[derive(Clone, Debug)]
pub struct Metric {
    /// The name for machines, `iia` say.
    pub kind: String,
    /// The name for people.
    pub name: String,
    /// The number.
    pub value: f64,
    /// The number as it is shown.
    pub shown: String,
    /// Its 95% interval as it is shown; empty where there is none.
    pub interval: String,
}

impl Metric {
    /// A share, with its interval where it has one.
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
    /// The card as Markdown.
    pub fn markdown(&self) -> Result<String, Error> {
        let wrong = |error: minijinja::Error| Error::Invalid(format!("the model card cannot be made: {error}"));
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build();
        environment.set_syntax(syntax.map_err(wrong)?);
        environment.add_template("card", TEMPLATE).map_err(wrong)?;
        let own = ["das", "causal-abstraction", "interpretability", "mechanistic-interpretability", "intervene"];
        let tags: Vec<String> = own.into_iter().map(str::to_owned).chain(self.tags.iter().cloned()).collect();
        let name = self.id.rsplit('/').next().unwrap_or_default().to_owned();
        let untrained = self.metrics.iter().any(|metric| metric.kind.contains("untrained"));
        let (dataset, dataset_type) = self.dataset.clone();
        let metric = |of: &Metric| {
            let Metric { kind, name, value, shown, interval } = of.clone();
            context! { kind, name, value, shown, interval }
        };
        let metrics: Vec<Value> = self.metrics.iter().map(metric).collect();
        let pairs = |pairs: &[(String, String)]| -> Vec<Value> {
            pairs.iter().cloned().map(|(name, value)| context! { name, value }).collect()
        };
        let (places, plots) = (pairs(&self.places), pairs(&self.plots));
        let Self { id, base_model, model, language, datasets, task, summary, method, .. } = self.clone();
        let told = context! {
            id, name, base_model, model, language, tags, datasets, task, dataset, dataset_type, summary, metrics, untrained,
            places, method, plots,
        };
        environment.get_template("card").and_then(|card| card.render(told)).map_err(wrong)
    }
}
