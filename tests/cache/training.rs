//! Training through the cache takes the steps of training without it.

use burn::tensor::{Device, Int, Tensor, TensorData};
use intervene::alignment::interchange::{Batch, BatchRows};
use intervene::alignment::loss::Objective;
use intervene::alignment::search::Search;
use intervene::alignment::{Cache, LocatedPairs, Location, PairSet, Storage, Trainer};
use intervene::data::{Pair, Prompt};
use intervene::interventions::{AnyIntervention, Kind};
use intervene::models::{Context, Dtype, FrozenModel, LanguageModel, Pretrained};
use intervene::tap::{Component, Record, Rows};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{one_variable, pairs};
use crate::common::families;
use crate::common::problem::DrawnBy;

/// A batch without any cached state: all layers run on all tokens, sources included.
fn uncached(model: &Pretrained, target: &Location, pairs: &[Pair], device: &Device) -> Batch {
    let padded = |prompts: Vec<&Prompt>| {
        let longest = prompts.iter().map(|prompt| prompt.tokens.len()).max().unwrap();
        let row = |prompt: &&Prompt| {
            (0..longest).map(|at| prompt.tokens.get(at).map_or(0, |token| i64::from(*token))).collect::<Vec<i64>>()
        };
        let ids: Vec<i64> = prompts.iter().flat_map(row).collect();
        let lengths: Vec<usize> = prompts.iter().map(|prompt| prompt.tokens.len()).collect();
        let tokens = Tensor::<2, Int>::from_data(TensorData::new(ids, [prompts.len(), longest]), device);
        let rows = Rows::positions(prompts.iter().map(|prompt| prompt.positions.clone()).collect()).unwrap();
        (tokens, Context::of_lengths(&lengths), rows)
    };
    let (tokens, mut context, rows) = padded(pairs.iter().map(|pair| &pair.sources[0].1).collect());
    let mut record = Record::new(target.site, rows);
    let hidden = model.embed(tokens, &context);
    model.layers(hidden, 0..model.n_layers(), &mut context, &mut record);
    let source = record.take().unwrap();
    let (tokens, context, rows) = padded(pairs.iter().map(|pair| &pair.base).collect());
    let labels: Vec<i64> = pairs.iter().map(|pair| i64::from(pair.labels[0])).collect();
    Batch {
        entry: 0,
        hidden: model.embed(tokens, &context),
        context,
        locations: vec![BatchRows { site: target.site, rows, sources: vec![source] }],
        swapped: vec![vec![0]; pairs.len()],
        keeps_answer: vec![false; pairs.len()],
        choices: None,
        answers: Rows::positions(pairs.iter().map(|pair| vec![pair.base.tokens.len() - 1]).collect()).unwrap(),
        labels: Tensor::from_data(TensorData::new(labels, [pairs.len(), 1]), device),
        weights: None,
    }
}

#[test]
fn a_search_lowers_the_loss_and_keeps_the_columns_orthonormal() {
    let device = Device::flex();
    let folder = families::families().remove(0);
    let model = Pretrained::load(&folder, Dtype::F32, &device).unwrap();
    let target = Location::from(Component::BlockOutput.at(0));
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let pairs = pairs(model.vocab_size(), 3, &mut rng);
    for (kind, rank) in [(Kind::RotatedSpace, 4), (Kind::BoundlessRotatedSpace, 32), (Kind::SigmoidMask, 32)] {
        let place = [LocatedPairs::new(target.clone(), &pairs)];
        let cache = Cache::fill(&model, &place, &Storage::default(), &device, &mut |_, _| {}).unwrap();
        let tracked = device.clone().autodiff();
        let start = AnyIntervention::fresh(kind, 32, Some(rank), None, &mut rng, &tracked).unwrap();
        let mut trainer = Trainer::new(vec![one_variable(vec![start], rank)], Search::plain(60, 2e-2));
        let mut problem = DrawnBy { model: &model, draw: |_: &[usize]| cache.batch(&[0, 1, 2]) };
        let losses: Vec<f32> =
            (0..60).map(|_| trainer.step(&mut problem).unwrap().losses.into_scalar::<f32>()).collect();
        assert!(losses[59] < losses[0], "{kind}: {} to {}", losses[0], losses[59]);
        let error = intervene::alignment::search::orthogonality_error(&trainer.candidates()[0].1.interventions);
        assert!(error < 1e-5, "{kind}: {error}");
    }
}

#[test]
fn fifty_steps_through_the_cache_have_the_losses_of_fifty_without_it() {
    let device = Device::flex();
    let mut moved: f32 = 0.0;
    for folder in families::families() {
        let model = Pretrained::load(&folder, Dtype::F32, &device).unwrap();
        let width = model.dimensions().d_model;
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let pairs = pairs(model.vocab_size(), 2, &mut rng);
        let target = Location::from(Component::BlockOutput.at(0));
        let places = [LocatedPairs::new(target.clone(), &pairs)];
        let cache = Cache::fill(&model, &places, &Storage::default(), &device, &mut |_, _| {}).unwrap();
        for kind in [Kind::RotatedSpace, Kind::BoundlessRotatedSpace] {
            let rank = if kind == Kind::RotatedSpace { 4 } else { width };
            let tracked = device.clone().autodiff();
            let start = AnyIntervention::fresh(kind, width, Some(rank), None, &mut rng, &tracked).unwrap();
            let search = Search { objective: Objective::with_subspace(1.0), ..Search::plain(50, 1e-2) };
            let [mut with, mut without] =
                [0, 1].map(|_| Trainer::new(vec![one_variable(vec![start.clone()], rank)], search.clone()));
            let mut losses = Vec::new();
            for step in 0..50 {
                let picked = [step % 3, (step + 1) % 3];
                let some = picked.map(|at| pairs[at].clone());
                let a = with
                    .step(&mut DrawnBy { model: &model, draw: |_: &[usize]| cache.batch(&picked) })
                    .unwrap()
                    .losses
                    .into_scalar::<f32>();
                let b = without
                    .step(&mut DrawnBy {
                        model: &model,
                        draw: |_: &[usize]| Ok(uncached(&model, &target, &some, &device)),
                    })
                    .unwrap();
                let b = b.losses.into_scalar::<f32>();
                assert!((a - b).abs() < 1e-4, "{} {kind} step {step}: {a} and {b}", folder.display());
                losses.push(a);
            }
            moved = moved.max((losses[48] - losses[0]).abs());
        }
    }
    assert!(moved > 1e-2, "no loss has moved by more than {moved}");
}
