//! A search validates as often as it is told, and stops when patience runs out.

use intervene::alignment::search::{Logged, Search, search};
use intervene::alignment::{Batches, LanguageProblem, SearchResult};
use intervene::interventions::Kind;
use intervene::models::LanguageModel;

use super::{cache, model, pairs, start};

/// Searches one candidate, validated on the pairs that it is trained on.
fn searched(config: &Search) -> (SearchResult, Vec<Logged>) {
    let model = model();
    let names = ["first".to_owned(), "second".to_owned()];
    let cached = || cache(&model, &pairs(model.vocab_size()));
    let problem = LanguageProblem::new(&model, &names).with_training(cached(), vec![Batches::new(12, 3, None)]);
    let mut problem = problem.with_validation(Some(cached()));
    let mut lines = Vec::new();
    let result = search(&mut problem, start(Kind::RotatedSpace, 4, 1), config, &mut |line| {
        lines.push(*line);
        Ok(())
    });
    (result.unwrap(), lines)
}

#[test]
fn validations_come_as_often_as_they_are_asked_for_and_after_the_last_step() {
    let config = Search { evaluate_every: 2, log_every: 3, ..Search::plain(7, 2e-2) };
    let (result, lines) = searched(&config);
    let steps: Vec<(usize, bool)> = lines.iter().map(|line| (line.step, line.validated.is_some())).collect();
    assert_eq!(steps, [(2, true), (3, false), (4, true), (6, true), (7, true)]);
    assert_eq!((result.at, result.steps, result.stopped_early), (7, 7, false));
    assert_eq!(result.validated, lines[4].validated);
    let (result, lines) = searched(&Search::plain(5, 2e-2));
    assert_eq!((lines.len(), result.validated), (1, lines[0].validated), "it is validated at the end in any case");
}

#[test]
fn a_search_out_of_patience_stops_and_keeps_its_best_candidate() {
    // At so high a rate the loss does not fall for long.
    let config = Search { evaluate_every: 1, patience: Some(2), ..Search::plain(60, 0.9) };
    let (result, lines) = searched(&config);
    assert!(result.stopped_early && result.steps < 60 && result.steps == result.at + 2, "{result:?}");
    let best = lines.iter().find(|line| line.step == result.at).unwrap();
    assert_eq!(result.validated, best.validated);
    let is_better = |line: &Logged| {
        let (one, best) = (line.validated.unwrap(), best.validated.unwrap());
        one.iia > best.iia || one.iia == best.iia && one.loss < best.loss
    };
    assert!(!lines.iter().any(is_better));
}
