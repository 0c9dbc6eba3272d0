//! Candidates that are searched in one pass take the steps, and get the scores, that each gets alone.

use burn::tensor::Device;
use intervene::Error;
use intervene::alignment::evaluate::{Edit, Evaluation};
use intervene::alignment::loss::Objective;
use intervene::alignment::search::{Logged, Search, search, search_together};
use intervene::alignment::{Batches, Candidate, LanguageProblem, PairSet, Rates, Rewrite, Scores};
use intervene::data::Pair;
use intervene::interventions::{AnyIntervention, Kind};
use intervene::models::LanguageModel;
use intervene::tasks::Split;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{WIDTH, apart, cache, model, numbers, pairs, start};
use crate::common::problem::DrawnBy;

const STARTS: [(Kind, usize, u64); 3] =
    [(Kind::RotatedSpace, 4, 1), (Kind::BoundlessRotatedSpace, WIDTH, 2), (Kind::RotatedSpace, 10, 3)];

fn config() -> Search {
    let rates = Rates { boundary: 5e-2, ..Rates::all(2e-2) };
    Search {
        rates,
        warmup: 2,
        accumulate: 2,
        objective: Objective::with_subspace(0.5),
        log_every: 4,
        ..Search::plain(12, 2e-2)
    }
}

#[test]
fn three_searches_at_once_take_the_steps_that_each_takes_alone() {
    let model = model();
    let cache = cache(&model, &pairs(model.vocab_size()));
    let starts: Vec<Candidate> = STARTS.iter().map(|(kind, rank, seed)| start(*kind, *rank, *seed)).collect();
    let order = |at: usize| Batches::new(cache.len(), 5, Some(ChaCha8Rng::seed_from_u64(at as u64)));

    let mut together: Vec<Vec<Logged>> = vec![Vec::new(); 3];
    let mut batches: Vec<Batches> = (0..3).map(order).collect();
    let draw = |numbers: &[usize]| {
        let pairs: Vec<usize> = numbers.iter().flat_map(|number| batches[*number].draw()).collect();
        cache.batch(&pairs)
    };
    let mut problem = DrawnBy { model: &model, draw };
    let mut observe = |number: usize, line: &Logged| {
        together[number].push(*line);
        Ok(())
    };
    let found = search_together(&mut problem, starts.clone(), &config(), &mut observe).unwrap();

    for (at, (start, found)) in starts.into_iter().zip(found).enumerate() {
        let (mut batches, mut alone) = (order(at), Vec::new());
        let first = numbers(&start);
        let mut problem = DrawnBy { model: &model, draw: |_: &[usize]| cache.batch(&batches.draw()) };
        let one = search(&mut problem, start, &config(), &mut |line| {
            alone.push(*line);
            Ok(())
        });
        let (one, found) = (numbers(&one.unwrap().candidate), numbers(&found.unwrap().candidate));
        assert!(apart(&one, &first) > 1e-2, "{at}: it was trained");
        assert!(apart(&one, &found) < 1e-5, "{at}: R is {} off", apart(&one, &found));
        assert_eq!((alone.len(), together[at].len()), (3, 3));
        for (a, b) in alone.iter().zip(&together[at]) {
            assert!((a.loss - b.loss).abs() < 1e-5, "{at}, step {}: {} and {}", a.step, a.loss, b.loss);
            assert_eq!((a.step, a.iia, a.learning_rate), (b.step, b.iia, b.learning_rate), "{at}");
        }
    }
}

#[test]
fn a_diverging_search_does_not_stop_the_others() {
    let model = model();
    let cache = cache(&model, &pairs(model.vocab_size()));
    let mut starts: Vec<Candidate> = STARTS.iter().map(|(kind, rank, seed)| start(*kind, *rank, *seed)).collect();
    let AnyIntervention::BoundlessRotatedSpace(broken) = &mut starts[1].interventions[0] else { unreachable!() };
    broken.boundary = burn::module::Param::from_data([f32::NAN], &Device::flex().autodiff());
    let run = |starts: Vec<Candidate>| {
        let mut rows: Vec<Vec<usize>> = Vec::new();
        let draw = |numbers: &[usize]| {
            rows.push(numbers.to_vec());
            cache.batch(&[0, 1, 2, 3].repeat(numbers.len()))
        };
        let mut problem = DrawnBy { model: &model, draw };
        let found = search_together(&mut problem, starts, &config(), &mut |_, _| Ok(())).unwrap();
        (found, rows)
    };
    let (found, rows) = run(starts.clone());
    assert!(matches!(&found[1], Err(Error::Diverged(said)) if said.contains("no longer finite at step 4")));
    assert_eq!((&rows[7][..], &rows[8][..]), (&[0, 1, 2][..], &[0, 2][..]), "it is trained no further");
    starts.remove(1);
    let (alone, _) = run(starts);
    for (at, alone) in [0, 2].into_iter().zip(alone) {
        let found = found[at].as_ref().unwrap();
        assert!(apart(&numbers(&found.candidate), &numbers(&alone.unwrap().candidate)) < 1e-5, "{at}");
    }
}

#[test]
fn all_edits_at_once_score_what_each_scores_alone() {
    let model = model();
    let names = ["first".to_owned(), "second".to_owned()];
    let all = pairs(model.vocab_size());
    // The labels are the model's answers under one edit or the other, so that scores lie between 0 and 1. Every pair occurs
    // twice.
    let (one, other) = (start(Kind::RotatedSpace, 4, 1).valid(), start(Kind::RotatedSpace, 10, 3).valid());
    let unlabelled = cache(&model, &all);
    let said = |pair: usize, candidate: &Candidate| {
        let batch = unlabelled.batch(&[pair]).unwrap();
        let logits = intervene::alignment::interchange::interchange(&model, &batch, &|place, base| {
            candidate.rewrite(place, &base, &batch, 0..1)
        });
        logits.unwrap().argmax(2).into_scalar::<i64>() as u32
    };
    let label = |(at, pair): (usize, &Pair)| Pair {
        labels: vec![said(at, if at % 2 == 0 { &one } else { &other })],
        ..pair.clone()
    };
    let mut labelled: Vec<Pair> = all.iter().enumerate().map(label).collect();
    labelled.extend(labelled.clone());
    let problem = LanguageProblem::new(&model, &names).with_test(Some(cache(&model, &labelled)));
    let test = Evaluation::new(&problem, Split::Test).unwrap();
    let score = |edits: &[Edit<'_>]| -> Vec<Scores> {
        let outcomes = test.outcomes(edits, None).unwrap();
        outcomes.iter().map(|outcomes| test.scores(outcomes, |_| true)).collect()
    };
    let edits = [Edit::Candidate(&one), Edit::Nothing, Edit::Full, Edit::Candidate(&other)];
    let scores = score(&edits);
    for (edit, scores) in edits.iter().zip(&scores) {
        assert_eq!(*scores, score(&[*edit])[0]);
        let swaps: Vec<(&str, usize)> = scores.0.iter().map(|(name, score)| (name.as_str(), score.trials)).collect();
        assert_eq!(swaps, [("first", 8), ("second", 8), ("first+second", 8)]);
        assert_eq!(scores.overall().hits % 2, 0, "a repeated pair has the same result");
    }
    for (at, candidate) in [(0, &one), (3, &other)] {
        let hits =
            labelled.iter().enumerate().filter(|(pair, label)| said(pair % 12, candidate) == label.labels[0]).count();
        assert!(hits >= 12, "half of the labels are its own");
        assert_eq!(scores[at].overall().hits, hits);
    }
}
