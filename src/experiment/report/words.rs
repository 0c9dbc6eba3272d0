//! What a run asked, and what came of it, in words.

use crate::alignment::Location;
use crate::data::Position;
use crate::experiment::sweep::Axis;
use crate::interventions::{Kind, Needs};
use crate::recipe::Recipe;
use crate::report::page::Figure;
use crate::saved::{Measured, Metrics};
use crate::tap::Component;

/// A site as one would say it.
pub fn place(target: &Location) -> String {
    let layer = target.site.layer;
    let of = |what: &str| format!("{what} of block {layer}");
    let heads = || match &target.heads[..] {
        [one] => format!("head {one}"),
        several => format!("heads {}", several.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
    };
    match target.site.component {
        Component::BlockInput => of("the input"),
        Component::BlockOutput => of("the output"),
        Component::MlpInput => of("the input of the feed-forward layer"),
        Component::MlpActivation => of("the neurons of the feed-forward layer"),
        Component::MlpOutput => of("the output of the feed-forward layer"),
        Component::AttentionInput => of("the input of the attention"),
        Component::AttentionOutput => of("the output of the attention"),
        Component::AttentionValueOutput => of("what all attention heads have gathered"),
        Component::HeadAttentionValueOutput => format!("what {} of block {layer} gathered", heads()),
        Component::HeadQueryOutput => format!("the queries of {} of block {layer}", heads()),
        Component::HeadKeyOutput => format!("the keys of {} of block {layer}", heads()),
        Component::HeadValueOutput => format!("the values of {} of block {layer}", heads()),
        other => format!("{other} of layer {layer}"),
    }
}

/// The method's name in the literature.
pub fn method(kind: Kind, several: bool) -> String {
    let shared = kind.info().trained.and_then(|trained| trained.shared).filter(|_| several);
    shared.unwrap_or(kind.info().label).to_owned()
}

/// In which part of the site the variable is looked for.
fn part(recipe: &Recipe) -> String {
    let trained = recipe.intervention.kind.info().trained;
    match (trained.and_then(|trained| trained.part), recipe.intervention.rank) {
        (Some(part), _) => part.to_owned(),
        (_, Some(1)) => ", along one direction".to_owned(),
        (_, Some(rank)) => format!(", in {rank} directions"),
        (_, None) if recipe.intervention.partition.len() > 1 => ", each in directions of its own".to_owned(),
        _ => String::new(),
    }
}

/// "Does the model keep `gender` in the output of block 15, at `name`, along one direction?", after what the task asks.
pub fn question(recipe: &Recipe, asked: Option<&str>, variables: &[String], target: &Location) -> String {
    let tokens = target.position.as_ref().map_or_else(String::new, |position| format!(", at {}", tokens(position)));
    if recipe.intervention.kind.needs() == Needs::Nothing {
        return format!(
            "Can the model be taught its completions by editing {}{tokens}{}?",
            place(target),
            part(recipe)
        );
    }
    let what = match variables {
        [] => "what decides the label".to_owned(),
        names => list(names),
    };
    let question = format!("Does the model keep {what} in {}{tokens}{}?", place(target), part(recipe));
    match asked {
        Some(asked) => format!("{asked} {question}"),
        None => question,
    }
}

/// "Where does the model keep `gender`: in which layer, at which position?", after what the task asks.
pub fn where_is(told: Option<&str>, variables: &[String], varied: &[Axis]) -> String {
    let asked: Vec<&str> = varied.iter().map(|axis| axis.question()).collect();
    let asked = if asked.is_empty() { "there".to_owned() } else { asked.join(", ") };
    let what = if variables.is_empty() { "what decides the label".to_owned() } else { list(variables) };
    let question = format!("Where does the model keep {what}: {asked}?");
    match told {
        Some(told) => format!("{told} {question}"),
        None => question,
    }
}

/// A position as one would say it.
fn tokens(position: &Position) -> String {
    match position {
        Position::Ends { first, last } => {
            let ends = [("first", first), ("last", last)].into_iter().filter(|(_, count)| **count > 0);
            let ends: Vec<String> = ends.map(|(which, count)| format!("the {which} {count}")).collect();
            format!("{} tokens of the prompt", ends.join(" and "))
        }
        Position::Index(-1) => "the last token".to_owned(),
        Position::Index(index) => format!("token {index}"),
        Position::Slot(..) => match position.to_string().as_str() {
            "span" => "the part of the prompt that the data names".to_owned(),
            "last" => "the last token".to_owned(),
            slot => format!("the prompt’s {slot}"),
        },
    }
}

/// What came of it: the IIA beside its controls.
pub fn answer(metrics: &Metrics) -> String {
    let Measured { iia, iia_interval: [low, high], controls, .. } = &metrics.measured;
    if let Some(completions) = &metrics.measured.completions {
        return format!(
            "Of the held-out completions the model says {} whole (95% interval {} to {}), token by token; without the \
             intervention {}. The cross-entropy of their tokens falls from {:.3} to {:.3} nats.",
            percent(*iia),
            percent(*low),
            percent(*high),
            percent(controls.no_intervention),
            completions.without,
            completions.loss
        );
    }
    let verdict = match (*low > nearest(&metrics.measured), *iia > 0.9) {
        (true, true) => "Yes, as far as these pairs can tell.",
        (true, false) => "In part.",
        (false, _) => "No more than a control does.",
    };
    let mut text = format!(
        "{verdict} After the interchange the model says what the causal model says in {} of the held-out pairs \
         (95% interval {} to {}); with a random rotation in {}, with the whole site exchanged in {}, and without an \
         intervention in {}.",
        percent(*iia),
        percent(*low),
        percent(*high),
        percent(controls.random_rotation),
        percent(controls.full_swap),
        percent(controls.no_intervention),
    );
    if let Some(untrained) = controls.untrained_model {
        text += &format!(" The same search in an untrained model ends at {}.", percent(untrained));
    }
    if let (Some(rank), Some(hard)) = (metrics.measured.hard_rank, metrics.measured.iia_hard) {
        text += &format!(" With a hard mask over {rank} directions it is {}.", percent(hard));
    }
    if let Some(contrast) = &metrics.contrast {
        text += &format!(" In the contrast model it is {}.", percent(contrast.iia));
    }
    text
}

/// The numbers that stand large: the IIA, the control that comes nearest to it, and what else there is to compare.
pub fn figures(metrics: &Metrics) -> Vec<Figure> {
    let measured = &metrics.measured;
    let figure =
        |name: &str, value: f64, note: String| Figure { name: name.to_owned(), value: format!("{value:.3}"), note };
    let interval = |interval: Option<&[f64; 2]>| {
        interval.map_or_else(String::new, |[low, high]| format!("95% interval {low:.3} to {high:.3}"))
    };
    let controls = &measured.controls;
    if measured.completions.is_some() {
        let unedited = interval(measured.controls_interval.get("no_intervention"));
        return vec![
            figure("Completions said whole", measured.iia, interval(Some(&measured.iia_interval))),
            figure("The same without the intervention", controls.no_intervention, unedited),
        ];
    }
    let mut figures = vec![
        figure("Interchange intervention accuracy", measured.iia, interval(Some(&measured.iia_interval))),
        figure(
            "The same with a random rotation",
            controls.random_rotation,
            interval(measured.controls_interval.get("random_rotation")),
        ),
    ];
    if let (Some(rank), Some(hard)) = (measured.hard_rank, measured.iia_hard) {
        figures.push(figure(
            &format!("With a hard mask of rank {rank}"),
            hard,
            "the number of directions that was learned".to_owned(),
        ));
    }
    if let Some(contrast) = &metrics.contrast {
        figures.push(figure("The same search in the contrast", contrast.iia, interval(Some(&contrast.iia_interval))));
    }
    figures.extend(
        measured
            .task_accuracy
            .map(|value| figure("The task by itself", value, "accuracy without an intervention".to_owned())),
    );
    figures
}

/// The upper end of the control that comes nearest, the whole swap aside: that one exchanges all there is.
fn nearest(measured: &Measured) -> f64 {
    let high = |key: &str, value: f64| measured.controls_interval.get(key).map_or(value, |[_, high]| *high);
    let controls = &measured.controls;
    let random = high("random_rotation", controls.random_rotation);
    let untrained = controls.untrained_model.map_or(0.0, |value| high("untrained_model", value));
    high("no_intervention", controls.no_intervention).max(random).max(untrained)
}

fn percent(share: f64) -> String {
    format!("{:.1}%", 100.0 * share)
}

fn list(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_told_in_sentences() {
        let recipe = Recipe::load("recipes/gender_agreement_das_smollm2.toml".as_ref(), &[]).unwrap();
        let position = Some(recipe.intervention.position.clone());
        let target = Location { position, ..Location::from(Component::BlockOutput.at(15)) };
        let question = question(&recipe, Some("Which pronoun?"), &["gender".to_owned()], &target);
        let expected = "Which pronoun? Does the model keep gender in the output of block 15, at the prompt’s name, \
                        along one direction?";
        assert_eq!(question, expected);
        let sweep = where_is(Some("Which pronoun?"), &["gender".to_owned()], &[Axis::Layer, Axis::Position]);
        assert_eq!(sweep, "Which pronoun? Where does the model keep gender: in which layer, at which position?");
        assert_eq!(list(&["a", "b", "c"].map(str::to_owned)), "a, b and c");
    }

    #[test]
    fn the_verdict_holds_the_result_against_its_controls() {
        let mut metrics = Metrics::default();
        metrics.measured.iia = 0.97;
        metrics.measured.iia_interval = [0.95, 0.99];
        metrics.measured.controls.random_rotation = 0.6;
        assert!(answer(&metrics).starts_with("Yes, as far as these pairs can tell. After the interchange the model"));
        metrics.measured.iia = 0.7;
        metrics.measured.iia_interval = [0.65, 0.75];
        assert!(answer(&metrics).starts_with("In part."));
        metrics.measured.controls.random_rotation = 0.68;
        metrics.measured.controls_interval.insert("random_rotation".to_owned(), [0.66, 0.7]);
        assert!(answer(&metrics).starts_with("No more than a control does."));
    }
}
