//! A search with patience stops early and keeps its best candidate; without patience it keeps the last.

use intervene::alignment::search::{Logged, Search, search_together};
use intervene::alignment::{Candidate, Validated};
use intervene::interventions::Kind;
use intervene::models::LanguageModel;

use super::{apart, cache, model, numbers, pairs, start};

/// One candidate, whose validation results are scripted.
fn validated(script: &[(f64, f64)], config: &Search) -> (intervene::alignment::Found, Vec<Vec<f32>>, Vec<Logged>) {
    let model = model();
    let cache = cache(&model, &pairs(model.vocab_size()));
    let (mut seen, mut lines) = (Vec::new(), Vec::new());
    let mut validate = |candidates: &[&Candidate]| {
        let (iia, loss) = script[seen.len()];
        seen.push(numbers(candidates[0]));
        Ok(vec![Validated { iia, loss }])
    };
    let mut draw = |_: &[usize]| cache.batch(&[0, 3, 6]);
    let mut observe = |_: usize, line: &Logged| {
        lines.push(*line);
        Ok(())
    };
    let start = vec![start(Kind::RotatedSpace, 4, 1)];
    let mut found = search_together(&model, start, config, &mut draw, Some(&mut validate), &mut observe).unwrap();
    (found.remove(0).unwrap(), seen, lines)
}

#[test]
fn a_search_out_of_patience_stops_and_keeps_its_best_candidate() {
    let config = Search { evaluate_every: 2, patience: Some(2), log_every: 3, ..Search::plain(20, 2e-2) };
    // After step 4 the accuracy is the same at a lower loss; steps 6 and 8 are no improvement.
    let script = [(0.5, 1.0), (0.5, 0.9), (0.25, 0.1), (0.5, 0.9)];
    let (found, seen, lines) = validated(&script, &config);
    assert_eq!((found.at, found.steps, found.stopped_early), (4, 8, true));
    assert_eq!(found.validated, Some(Validated { iia: 0.5, loss: 0.9 }));
    assert_eq!(numbers(&found.candidate), seen[1]);
    assert!(apart(&seen[1], &seen[3]) > 1e-3, "the search continued after its best step");
    let steps: Vec<(usize, bool)> = lines.iter().map(|line| (line.step, line.validated.is_some())).collect();
    assert_eq!(steps, [(2, true), (3, false), (4, true), (6, true), (8, true)]);
}

#[test]
fn without_patience_the_last_candidate_is_kept() {
    let config = Search { evaluate_every: 2, ..Search::plain(5, 2e-2) };
    let (found, seen, _) = validated(&[(0.5, 1.0), (0.4, 1.0), (0.3, 1.0)], &config);
    assert_eq!((found.at, found.steps, found.stopped_early, seen.len()), (5, 5, false, 3));
    assert_eq!(found.validated, Some(Validated { iia: 0.3, loss: 1.0 }));
    assert_eq!(numbers(&found.candidate), seen[2]);
    let (found, seen, _) = validated(&[(0.5, 1.0)], &Search::plain(5, 2e-2));
    assert_eq!((found.validated.map(|v| v.iia), seen.len()), (Some(0.5), 1), "it is validated at the end in any case");
    let patient = Search { evaluate_every: 2, patience: Some(9), ..Search::plain(5, 2e-2) };
    let (found, seen, _) = validated(&[(0.5, 1.0), (0.6, 1.0), (0.3, 1.0)], &patient);
    assert_eq!((found.at, found.steps, found.stopped_early), (4, 5, false));
    assert_eq!(numbers(&found.candidate), seen[1]);
}
