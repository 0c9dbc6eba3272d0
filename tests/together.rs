//! Several searches in one pass are the searches alone.

mod common;

use burn::tensor::{Device, Tensor};
use intervene::Error;
use intervene::alignment::evaluate::Edit;
use intervene::alignment::loss::loss;
use intervene::alignment::search::{Logged, Search, search, search_together};
use intervene::alignment::{Batches, Cache, Candidate, Partition, Place, Rates, Storage, Target, Validated};
use intervene::data::{Pair, Prompt};
use intervene::interventions::{AnyIntervention, Kind};
use intervene::models::{Dtype, LanguageModel, Pretrained};
use intervene::tap::Component;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const WIDTH: usize = 32;

fn model() -> Pretrained {
    Pretrained::load(&common::families().remove(0), Dtype::F32, &Device::flex()).unwrap()
}

/// Pairs of prompts of different lengths; every third swaps both variables, the others one.
fn pairs(vocabulary: usize) -> Vec<Pair> {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let pair = |at: usize| {
        let mut prompt = |length: usize| Prompt {
            tokens: (0..length).map(|_| rng.random_range(0..vocabulary as u32)).collect(),
            positions: vec![1 + at % 3],
        };
        let swapped = match at % 3 {
            2 => vec![0, 1],
            one => vec![one],
        };
        Pair {
            base: prompt(5 + at % 4),
            sources: swapped.iter().map(|variable| (*variable, prompt(6))).collect(),
            labels: vec![at as u32 % 11],
            base_answer: None,
            source_answers: vec![None; swapped.len()],
        }
    };
    (0..12).map(pair).collect()
}

fn cache<'a>(model: &'a Pretrained, pairs: &[Pair]) -> Cache<'a> {
    let place = Place::new(Target { site: Component::BlockOutput.at(0), heads: vec![] }, pairs);
    Cache::fill(model, &[place], &Storage::default(), &Device::flex(), &mut |_, _| {}).unwrap()
}

/// A fresh rotation whose first columns carry one variable, and the next as many the other.
fn start(kind: Kind, rank: usize, seed: u64) -> Candidate {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let device = Device::flex().autodiff();
    let one = AnyIntervention::fresh(kind, WIDTH, Some(rank), None, &mut rng, &device).unwrap();
    let parts = vec![("first".to_owned(), 0..rank / 2), ("second".to_owned(), rank / 2..rank)];
    Candidate { interventions: vec![one], partition: Partition::new(parts, rank).unwrap() }
}

fn numbers(candidate: &Candidate) -> Vec<f32> {
    candidate.interventions[0].rotation().unwrap().matrix().into_data().iter::<f32>().collect()
}

fn apart(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

const STARTS: [(Kind, usize, u64); 3] =
    [(Kind::RotatedSpace, 4, 1), (Kind::BoundlessRotatedSpace, WIDTH, 2), (Kind::RotatedSpace, 10, 3)];

fn config() -> Search {
    let rates = Rates { boundary: 5e-2, ..Rates::all(2e-2) };
    Search { rates, warmup: 2, accumulate: 2, penalty: 0.5, log_every: 4, ..Search::plain(12, 2e-2) }
}

#[test]
fn three_searches_at_once_take_the_steps_that_each_takes_alone() {
    let model = model();
    let cache = cache(&model, &pairs(model.vocab_size()));
    let starts: Vec<Candidate> = STARTS.iter().map(|(kind, rank, seed)| start(*kind, *rank, *seed)).collect();
    let order = |at: usize| Batches::new(cache.len(), 5, Some(ChaCha8Rng::seed_from_u64(at as u64)));

    let mut together: Vec<Vec<Logged>> = vec![Vec::new(); 3];
    let mut batches: Vec<Batches> = (0..3).map(order).collect();
    let mut draw = |numbers: &[usize]| {
        let pairs: Vec<usize> = numbers.iter().flat_map(|number| batches[*number].draw()).collect();
        cache.batch(&pairs)
    };
    let mut observe = |number: usize, line: &Logged| {
        together[number].push(*line);
        Ok(())
    };
    let found = search_together(&model, starts.clone(), &config(), &mut draw, None, &mut observe).unwrap();

    for (at, (start, found)) in starts.into_iter().zip(found).enumerate() {
        let (mut batches, mut alone) = (order(at), Vec::new());
        let first = numbers(&start);
        let mut next = || cache.batch(&batches.draw());
        let one = search(&model, start, &config(), &mut next, &mut |line| {
            alone.push(*line);
            Ok(())
        });
        let (one, found) = (numbers(&one.unwrap()), numbers(&found.unwrap().candidate));
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
fn one_that_diverges_does_not_stop_the_others() {
    let model = model();
    let cache = cache(&model, &pairs(model.vocab_size()));
    let mut starts: Vec<Candidate> = STARTS.iter().map(|(kind, rank, seed)| start(*kind, *rank, *seed)).collect();
    let AnyIntervention::BoundlessRotatedSpace(broken) = &mut starts[1].interventions[0] else { unreachable!() };
    broken.boundary = burn::module::Param::from_data([f32::NAN], &Device::flex().autodiff());
    let run = |starts: Vec<Candidate>| {
        let mut rows: Vec<Vec<usize>> = Vec::new();
        let mut draw = |numbers: &[usize]| {
            rows.push(numbers.to_vec());
            cache.batch(&[0, 1, 2, 3].repeat(numbers.len()))
        };
        let found = search_together(&model, starts, &config(), &mut draw, None, &mut |_, _| Ok(())).unwrap();
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
    // The labels are what the model says under one edit or another, so that scores lie between 0 and 1; and every pair
    // comes twice.
    let (one, other) = (start(Kind::RotatedSpace, 4, 1).valid(), start(Kind::RotatedSpace, 10, 3).valid());
    let unlabelled = cache(&model, &all);
    let said = |pair: usize, candidate: &Candidate| {
        let batch = unlabelled.batch(&[pair]).unwrap();
        let logits = intervene::alignment::step::interchange(&model, &batch, &|place, base| {
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
    let cache = cache(&model, &labelled);
    let edits = [Edit::Found(&one), Edit::Nothing, Edit::Full, Edit::Found(&other)];
    let scores = cache.score(&names, &edits).unwrap();
    for (edit, scores) in edits.iter().zip(&scores) {
        assert_eq!(*scores, cache.score(&names, &[*edit]).unwrap()[0]);
        let swaps: Vec<(&str, usize)> = scores.0.iter().map(|(name, score)| (name.as_str(), score.trials)).collect();
        assert_eq!(swaps, [("first", 8), ("second", 8), ("first+second", 8)]);
        assert_eq!(scores.overall().hits % 2, 0, "the pair that comes again says the same");
    }
    for (at, candidate) in [(0, &one), (3, &other)] {
        let hits =
            labelled.iter().enumerate().filter(|(pair, label)| said(pair % 12, candidate) == label.labels[0]).count();
        assert!(hits >= 12, "half of the labels are its own");
        assert_eq!(scores[at].overall().hits, hits);
    }
}

/// One candidate for whom no pair ever fits, validated after every step by a script.
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
fn a_search_out_of_patience_stops_and_keeps_the_best_it_has_seen() {
    let config = Search { evaluate_every: 2, patience: Some(2), log_every: 3, ..Search::plain(20, 2e-2) };
    // After step 4 the accuracy is as before, at a lower loss; steps 6 and 8 bring nothing.
    let script = [(0.5, 1.0), (0.5, 0.9), (0.25, 0.1), (0.5, 0.9)];
    let (found, seen, lines) = validated(&script, &config);
    assert_eq!((found.at, found.steps, found.stopped_early), (4, 8, true));
    assert_eq!(found.validated, Some(Validated { iia: 0.5, loss: 0.9 }));
    assert_eq!(numbers(&found.candidate), seen[1]);
    assert!(apart(&seen[1], &seen[3]) > 1e-3, "it went on from there");
    let steps: Vec<(usize, bool)> = lines.iter().map(|line| (line.step, line.validated.is_some())).collect();
    assert_eq!(steps, [(2, true), (3, false), (4, true), (6, true), (8, true)]);
}

#[test]
fn without_patience_the_last_is_kept() {
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

#[test]
fn answers_are_asked_among_some_tokens() {
    for folder in common::families() {
        let model = Pretrained::load(&folder, Dtype::F32, &Device::flex()).unwrap();
        let width = model.dimensions().d_model;
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let tracked = Device::flex().autodiff();
        let one = AnyIntervention::fresh(Kind::RotatedSpace, width, Some(4), None, &mut rng, &tracked).unwrap();
        let parts = vec![("first".to_owned(), 0..2), ("second".to_owned(), 2..4)];
        let candidate = Candidate { interventions: vec![one], partition: Partition::new(parts, 4).unwrap() };
        let pairs = pairs(model.vocab_size());
        let place = [Place::new(Target { site: Component::BlockOutput.at(0), heads: vec![] }, &pairs)];
        let fill = || Cache::fill(&model, &place, &Storage::default(), &Device::flex(), &mut |_, _| {}).unwrap();
        // Labels are 0 to 10; two more tokens can be said, in any order, and one is named twice.
        let among = fill().among(&[20, 3, 0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 15, 3]).unwrap();
        let asked: Vec<usize> = (0..=10).chain([15, 20]).collect();
        let order = [4, 1, 11, 0];
        let run = |cache: &Cache<'_>| loss(&model, &cache.batch(&order).unwrap(), &[&candidate], 0.0).unwrap();
        let (all, some) = (run(&fill()), run(&among));
        assert_eq!(some.logits.dims(), [4, 1, 13]);
        let read = |logits: Tensor<3>| logits.detach().inner().into_data().iter::<f32>().collect::<Vec<f32>>();
        let (all, some_logits) = (read(all.logits), read(some.logits));
        let mut expected = 0.0;
        for (at, (full, some)) in all.chunks(model.vocab_size()).zip(some_logits.chunks(13)).enumerate() {
            let full: Vec<f32> = asked.iter().map(|token| full[*token]).collect();
            assert!(apart(&full, some) < 1e-5 * full.iter().fold(1.0_f32, |most, logit| most.max(logit.abs())));
            let label = pairs[order[at]].labels[0] as usize;
            expected += (full.iter().map(|logit| logit.exp()).sum::<f32>().ln() - full[label]) / 4.0;
        }
        assert!((some.losses.into_scalar::<f32>() - expected).abs() < 1e-5, "{}", folder.display());
        let error = fill().among(&[0, 1, 2]).err().unwrap().to_string();
        assert!(error.contains("pair 3: its label, token 3, is not among the answers"), "{error}");
    }
}

#[test]
fn pairs_that_keep_their_answer_weigh_what_they_are_told_to() {
    let model = model();
    let mut pairs = pairs(model.vocab_size());
    pairs.iter_mut().step_by(2).for_each(|pair| pair.base_answer = Some(pair.labels[0]));
    let candidate = start(Kind::RotatedSpace, 4, 1);
    let of = |cache: &Cache<'_>, pairs: &[usize]| {
        let forward = loss(&model, &cache.batch(pairs).unwrap(), &[&candidate], 0.0).unwrap();
        f64::from(forward.losses.into_scalar::<f32>())
    };
    let plain = cache(&model, &pairs);
    let (changes, keeps) = (of(&plain, &[1, 3, 5]), of(&plain, &[2, 4]));
    let weighed = cache(&model, &pairs).weighing_isolation(0.25);
    let expected = (3.0 * changes + 0.25 * 2.0 * keeps) / (3.0 + 0.25 * 2.0);
    assert!((of(&weighed, &[1, 2, 3, 4, 5]) - expected).abs() < 1e-5);
    assert!((of(&plain, &[1, 2, 3, 4, 5]) - (3.0 * changes + 2.0 * keeps) / 5.0).abs() < 1e-5);
    // Whether a pair is right does not depend on what it weighs.
    let names = ["first".to_owned(), "second".to_owned()];
    assert_eq!(weighed.iia(&names, &candidate).unwrap(), plain.iia(&names, &candidate).unwrap());
}
