//! A folder as a chapter of the report.

use std::path::{Path, PathBuf};

use toml::Table;

use super::{logged, words};
use crate::alignment::Location;
use crate::error::Error;
use crate::experiment::examples;
use crate::recipe::Recipe;
use crate::report::page::{Chapter, DiagramNode, Example, Picture, Piece};
use crate::report::{Column, TableRow};
use crate::saved::{Measured, Metrics, RunConfig};
use crate::tasks::{GraphNode, prompt_task};
use crate::{files, places};

pub struct RecipeText {
    pub text: String,
    pub recipe: Recipe,
    pub table: Table,
}

impl RecipeText {
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let path = folder.join("recipe.toml");
        let text = files::read_text(&path)?;
        Ok(Self { recipe: Recipe::parse(&text, &path, &[])?, table: places::parse(&text, &path)?, text })
    }
}

/// Reads a run folder; its recipe comes beside, for comparisons.
pub fn read(folder: &Path) -> Result<(Chapter, Table), Error> {
    let metrics = Metrics::read(folder)?;
    let RecipeText { text, recipe, table } = RecipeText::read(folder)?;
    let configs = RunConfig::read_all(folder)?;
    let config = &configs[0].1;
    let target = config.location()?;
    let examples = examples(folder)?;
    let task = task(&recipe, config)?;
    let variables = variables(&recipe, config);
    let asked = task.as_ref().map(|(question, _)| question.as_str());
    let chapter = Chapter {
        name: recipe.name.clone(),
        question: words::question(&recipe, asked, &variables, &target),
        answer: words::answer(&metrics),
        picture: match task {
            Some((_, graph)) => Picture::Causal(nodes(graph, &variables)),
            None => pair(&examples, &target),
        },
        facts: facts(&recipe, &configs, &metrics),
        figures: words::figures(&metrics),
        scores: scores(&recipe, &metrics),
        curves: logged::curves(folder, &recipe.name)?,
        sweep: None,
        examples,
        commands: commands(folder),
        versions: versions(&recipe, &metrics),
        recipe: text,
    };
    Ok((chapter, table))
}

pub fn folder_name(folder: &Path) -> String {
    let real = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    real.file_name().map_or_else(|| folder.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// The run's examples; a network that reads no text has none.
fn examples(folder: &Path) -> Result<Vec<Example>, Error> {
    let path = folder.join(examples::FILE);
    if path.is_file() { files::read_json(&path) } else { Ok(Vec::new()) }
}

/// What the recipe's task asks, and its causal model. A model that reads tokens has a task with prompts.
fn task(recipe: &Recipe, config: &RunConfig) -> Result<Option<(String, Vec<GraphNode>)>, Error> {
    let Some(task) = &recipe.task else { return Ok(None) };
    if config.position.is_some() {
        let task = prompt_task(&task.name, recipe.seed)?;
        return Ok(Some((task.question().to_owned(), task.graph())));
    }
    let task = recipe.feature_task()?;
    Ok(Some((task.question().to_owned(), task.graph())))
}

pub fn asked(recipe: &Recipe, config: &RunConfig) -> Result<Option<String>, Error> {
    Ok(task(recipe, config)?.map(|(question, _)| question))
}

/// The variables that were looked for; none have a name where the data is all there is.
pub fn variables(recipe: &Recipe, config: &RunConfig) -> Vec<String> {
    if recipe.task.is_some() { config.partition.keys().cloned().collect() } else { Vec::new() }
}

fn nodes(graph: Vec<GraphNode>, variables: &[String]) -> Vec<DiagramNode> {
    let node = |GraphNode { name, parents, .. }: GraphNode| {
        let aligned = variables.contains(&name);
        DiagramNode { name, parents, aligned }
    };
    graph.into_iter().map(node).collect()
}

/// The first example as a picture; without examples its parts' names.
fn pair(examples: &[Example], target: &Location) -> Picture {
    let named = |text: &str| vec![Piece { text: text.to_owned(), marked: false }];
    let site = words::place(target);
    match examples.first() {
        Some(example) => Picture::Pair {
            base: example.base.clone(),
            source: example.sources.first().cloned().unwrap_or_default(),
            label: example.label.clone(),
            site,
        },
        None => Picture::Pair {
            base: named("a prompt"),
            source: named("another prompt"),
            label: "what the first prompt would then be answered with".to_owned(),
            site,
        },
    }
}

fn facts(recipe: &Recipe, configs: &[(PathBuf, RunConfig)], metrics: &Metrics) -> Vec<(String, String)> {
    let config = &configs[0].1;
    let mut facts: Vec<(&str, String)> = Vec::new();
    let model = &config.model;
    facts.push(("Model", short(&model.source)));
    facts.push(("Architecture", format!("{}, {} layers, width {}", model.kind, model.layers, model.width)));
    let data = recipe.data.as_ref().and_then(|data| data.train.as_ref().zip(data.test.as_ref()));
    match (&recipe.task, data) {
        (Some(task), _) => facts.push(("Task", task.name.clone())),
        (None, Some((train, test))) => facts.push(("Data", format!("{} and {}", train.display(), test.display()))),
        (None, None) => {}
    }
    let sites: Vec<String> = configs.iter().map(|(_, of)| format!("{}.{}", of.layer, of.component)).collect();
    facts.push((if sites.len() > 1 { "Sites" } else { "Site" }, sites.join(", ")));
    if !config.heads.is_empty() {
        facts.push(("Heads", config.heads.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")));
    }
    facts.extend(config.position.clone().map(|position| ("Tokens", position)));
    facts.push(("Method", words::method(config.kind, config.partition.len() > 1)));
    if let Some(rank) = config.rank {
        facts.push(("Rank", format!("{rank} of {}", config.width)));
    }
    if config.partition.len() > 1 {
        let part = |(name, [from, to]): (&String, &[usize; 2])| format!("{name} {from}–{}", to.saturating_sub(1));
        facts.push(("Columns", config.partition.iter().map(part).collect::<Vec<_>>().join(", ")));
    }
    let training = &recipe.training;
    let rate = training.learning_rate;
    facts.push(("Training", format!("{} steps of {} pairs, learning rate {rate}", training.steps, training.batch)));
    facts.push(("Orthogonality error", format!("{:.1e}", metrics.measured.orthogonality_error)));
    let seconds = &metrics.measured.seconds;
    let whole = [("preparation", seconds.prepare), ("search", seconds.train), ("evaluation", seconds.evaluate)];
    let told = whole.map(|(what, seconds)| format!("{what} {seconds:.1} s"));
    facts.push(("Time", told.join(", ")));
    facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The last part of a path, a Hub id whole.
fn short(source: &str) -> String {
    let path = Path::new(source);
    match path.is_absolute() || path.components().count() > 2 {
        true => path.file_name().map_or_else(|| source.to_owned(), |name| name.to_string_lossy().into_owned()),
        false => source.to_owned(),
    }
}

fn scores(recipe: &Recipe, metrics: &Metrics) -> Vec<Column> {
    let heading = |group: &str| match group {
        "" => "The task by itself",
        "IIA" => "Interchange intervention accuracy",
        _ => "Controls: the same without what was learned",
    };
    let column = |name: &str, measured: &Measured| {
        let rows = measured.column(name).rows.into_iter().filter(|row| row.group != " ");
        let rows = rows.map(|row| TableRow { group: heading(&row.group).to_owned(), ..row });
        let (task, mut rows): (Vec<TableRow>, Vec<TableRow>) = rows.partition(|row| row.label == "task accuracy");
        rows.extend(task);
        Column { name: name.to_owned(), rows }
    };
    match &metrics.contrast {
        Some(contrast) => vec![column("network", &metrics.measured), column("contrast", contrast)],
        None => vec![column(&recipe.name, &metrics.measured)],
    }
}

fn commands(folder: &Path) -> Vec<String> {
    let name = folder_name(folder);
    vec![
        format!("intervene train {name}/recipe.toml --out again   # the same run once more"),
        format!("intervene evaluate {name}                        # what was found, measured again"),
    ]
}

fn versions(recipe: &Recipe, metrics: &Metrics) -> Vec<(String, String)> {
    let mut versions: Vec<(String, String)> = recipe.versions.clone().into_iter().collect();
    versions.push(("seed".to_owned(), metrics.seed.to_string()));
    versions.push(("device".to_owned(), metrics.device.clone()));
    versions.push(("peak memory".to_owned(), format!("{} MB", metrics.peak_rss_bytes / 1_000_000)));
    versions
}
