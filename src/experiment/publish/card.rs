//! A run as a model card.

use crate::hub::{Id, data_repository, is_data};
use crate::recipe::Recipe;
use crate::report::{Card, Metric};
use crate::saved::{Measured, Metrics, RunConfig};

/// The card of a run that is published as `id`; `files` are the files beside it.
pub(super) fn card(
    id: &Id,
    configs: &[RunConfig],
    metrics: &Metrics,
    recipe: &Recipe,
    base_model: Option<&str>,
    files: &[String],
) -> Card {
    let config = &configs[0];
    let measured = &metrics.measured;
    let base = base_model.map(|name| name.split('@').next().unwrap_or(name).to_owned());
    let kind = config.kind.name().replace('_', "-");
    let task = recipe.task.as_ref().map_or_else(|| recipe.name.clone(), |task| task.name.clone());
    let mut metrics_of = shares("", "", measured);
    if let Some(contrast) = &metrics.contrast {
        metrics_of.extend(shares("contrast_", "contrast model: ", contrast));
    }
    let datasets = datasets(recipe);
    let dataset = match datasets.first() {
        Some(name) => (name.clone(), name.clone()),
        None => (task.clone(), "intervene-task".to_owned()),
    };
    let plots = files.iter().filter(|file| file.ends_with(".png"));
    let what = |file: &str| match file {
        "curve.png" => "Loss and IIA over the steps".to_owned(),
        "heatmap.png" => "IIA by place".to_owned(),
        other => other.trim_end_matches(".png").replace(['_', '/'], " "),
    };
    Card {
        id: id.name.clone(),
        model: base_model.map_or_else(|| "MODEL".to_owned(), str::to_owned),
        base_model: base,
        language: config.position.is_some(),
        tags: vec![kind, config.model.kind.clone()],
        datasets,
        summary: summary(configs, measured, &task, base_model),
        dataset,
        metrics: metrics_of,
        places: places(configs, base_model),
        method: method(recipe, metrics),
        plots: plots.map(|file| (what(file), file.clone())).collect(),
        task,
    }
}

fn datasets(recipe: &Recipe) -> Vec<String> {
    let paths = recipe.data.iter().flat_map(|data| [&data.train, &data.validation, &data.test]).flatten();
    let mut names: Vec<String> =
        paths.filter(|path| is_data(path)).filter_map(|path| data_repository(path).ok()).map(|id| id.name).collect();
    names.dedup();
    names
}

fn shares(prefix: &str, words: &str, measured: &Measured) -> Vec<Metric> {
    let mut all = Vec::new();
    let mut add = |kind: &str, name: &str, value: f64, interval: Option<[f64; 2]>| {
        all.push(Metric::share(&format!("{prefix}{kind}"), &format!("{words}{name}"), value, interval));
    };
    add("iia", "IIA", measured.iia, Some(measured.iia_interval));
    if measured.iia_by_variable.len() > 1 {
        for (variable, value) in &measured.iia_by_variable {
            let interval = measured.iia_by_variable_interval.get(variable).copied();
            add(&format!("iia_{variable}"), &format!("IIA of {variable}"), *value, interval);
        }
    }
    if let (Some(rank), Some(value)) = (measured.hard_rank, measured.iia_hard) {
        add("iia_hard", &format!("IIA with a hard mask, rank {rank}"), value, None);
    }
    for (key, value) in measured.controls.all() {
        let (name, interval) = (format!("control: {}", key.replace('_', " ")), measured.controls_interval.get(key));
        add(&format!("iia_{key}"), &name, value, interval.copied());
    }
    if let Some(accuracy) = measured.task_accuracy {
        add("task_accuracy", "the model's accuracy in the task", accuracy, None);
    }
    all
}

fn model(config: &RunConfig, base_model: Option<&str>) -> String {
    match base_model.map(|name| name.split_once('@').unwrap_or((name, ""))) {
        Some((name, "")) => format!("[{name}](https://huggingface.co/{name})"),
        Some((name, revision)) => format!("[{name}](https://huggingface.co/{name}/tree/{revision})"),
        None if config.model.kind == "mlp" => {
            format!("an MLP of {} layers of width {}", config.model.layers, config.model.width)
        }
        None => format!(
            "a {} of {} layers of width {} that is not on the Hub",
            config.model.kind, config.model.layers, config.model.width
        ),
    }
}

fn subspace(config: &RunConfig) -> String {
    match config.rank {
        Some(rank) if rank < config.width => format!("{rank} of {} dimensions", config.width),
        _ => format!("a basis of all {} dimensions", config.width),
    }
}

fn sites(configs: &[RunConfig]) -> String {
    let site = |config: &RunConfig| format!("`{}.{}`", config.layer, config.component);
    configs.iter().map(site).collect::<Vec<_>>().join(", ")
}

fn summary(configs: &[RunConfig], measured: &Measured, task: &str, base_model: Option<&str>) -> String {
    let config = &configs[0];
    if let Some(completions) = &measured.completions {
        return format!(
            "What {} says after a prompt, tuned by an edit of {} of {}: of unseen completions it says **{:.3}** whole ({:.3} \
             without the edit); the cross-entropy of their tokens is {:.3} (without the edit {:.3}).",
            model(config, base_model),
            subspace(config),
            sites(configs),
            measured.iia,
            measured.controls.no_intervention,
            completions.loss,
            completions.without
        );
    }
    let variables: Vec<String> = config.partition.keys().map(|name| format!("`{name}`")).collect();
    let [low, high] = measured.iia_interval;
    format!(
        "Where {} keeps {} of the task `{task}`: {} of {}, with an interchange intervention accuracy of **{:.3}** (95%: \
         {low:.3} to {high:.3}; a random rotation has {:.3}).",
        model(config, base_model),
        variables.join(" and "),
        subspace(config),
        sites(configs),
        measured.iia,
        measured.controls.random_rotation
    )
}

fn places(configs: &[RunConfig], base_model: Option<&str>) -> Vec<(String, String)> {
    let config = &configs[0];
    let mut rows = vec![("model".to_owned(), model(config, base_model)), ("site".to_owned(), sites(configs))];
    if !config.heads.is_empty() {
        rows.push(("heads".to_owned(), format!("{:?}", config.heads)));
    }
    rows.extend(config.position.iter().map(|position| ("position".to_owned(), format!("`{position}`"))));
    rows.push(("intervention".to_owned(), format!("`{}`, {}", config.kind, subspace(config))));
    for (variable, [from, to]) in &config.partition {
        rows.push((format!("variable `{variable}`"), format!("columns {from} to {to} of R")));
    }
    rows.push(("R".to_owned(), config.convention.clone()));
    rows
}

fn method(recipe: &Recipe, metrics: &Metrics) -> String {
    let what = recipe.intervention.kind.info().method();
    let training = &recipe.training;
    let measured = &metrics.measured;
    format!(
        "{what}: {} steps of {} pairs at a learning rate of {}, seed {}, in {:.0} s ({}) with intervene {}. The columns of R are \
         orthonormal up to {:.0e}.",
        measured.steps,
        training.batch * training.accumulate,
        training.learning_rate,
        metrics.seed,
        measured.seconds.prepare + measured.seconds.train + measured.seconds.evaluate,
        metrics.device,
        recipe.versions.get("intervene").map_or(env!("CARGO_PKG_VERSION"), String::as_str),
        measured.orthogonality_error
    )
}
