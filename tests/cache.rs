//! The cache is exact: logits, loss and R's gradient through it are the full run's.

mod common;

use burn::optim::GradientsParams;
use burn::tensor::{Device, Int, Tensor, TensorData, activation};
use intervene::alignment::loss::{Forward, loss};
use intervene::alignment::search::Search;
use intervene::alignment::step::{Batch, Part};
use intervene::alignment::{Cache, Candidate, Level, Partition, Place, States, Storage, Target, Trainer};
use intervene::data::{Pair, Prompt};
use intervene::interventions::{AnyIntervention, Intervention, Kind};
use intervene::models::{Context, Dtype, FrozenModel, LanguageModel, Pretrained};
use intervene::tap::{Component, Patch, Record, Rows, Tap};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const COMPONENTS: [(Component, &[usize]); 14] = [
    (Component::BlockInput, &[]),
    (Component::BlockOutput, &[]),
    (Component::MlpInput, &[]),
    (Component::MlpActivation, &[]),
    (Component::MlpOutput, &[]),
    (Component::AttentionInput, &[]),
    (Component::AttentionOutput, &[]),
    (Component::AttentionValueOutput, &[]),
    (Component::QueryOutput, &[]),
    (Component::KeyOutput, &[]),
    (Component::ValueOutput, &[]),
    (Component::HeadAttentionValueOutput, &[1]),
    (Component::HeadQueryOutput, &[1]),
    (Component::HeadValueOutput, &[1]),
];

/// Pairs of prompts of different lengths, intervened on at different positions.
fn pairs(vocabulary: usize, position: usize, rng: &mut ChaCha8Rng) -> Vec<Pair> {
    let mut prompt = |length: usize, position: usize| Prompt {
        tokens: (0..length).map(|_| rng.random_range(0..vocabulary as u32)).collect(),
        positions: vec![position],
    };
    let pair = |(base, source): (Prompt, Prompt), label| Pair {
        base,
        sources: vec![(0, source)],
        labels: vec![label],
        base_answer: None,
        source_answers: vec![None],
    };
    vec![
        pair((prompt(7, position), prompt(6, 2)), 3),
        pair((prompt(9, position + 1), prompt(9, 8)), 5),
        pair((prompt(7, position), prompt(5, 0)), 7),
    ]
}

fn tokens(prompt: &Prompt, device: &Device) -> Tensor<2, Int> {
    let ids: Vec<i64> = prompt.tokens.iter().map(|token| i64::from(*token)).collect();
    let length = ids.len();
    Tensor::from_data(TensorData::new(ids, [1, length]), device)
}

/// One pair's whole prompts through the whole model, without any cache: the logits at the last token, `[vocabulary]`.
fn full(model: &Pretrained, target: &Target, pair: &Pair, found: &AnyIntervention, device: &Device) -> Tensor<1> {
    let rows = |prompt: &Prompt| match target.heads[..] {
        [] => Rows::positions(vec![prompt.positions.clone()]).unwrap(),
        [head] => {
            let heads = model.site_shape(target.site.component.site()).unwrap().heads.unwrap();
            Rows::heads(&[prompt.positions.iter().map(|position| (head, *position)).collect()], heads).unwrap()
        }
        _ => unreachable!("one head at most"),
    };
    let run = |prompt: &Prompt, tap: &mut dyn Tap| {
        let mut context = Context::full(1, prompt.tokens.len());
        let hidden = model.embed(tokens(prompt, device), &context);
        model.unembed(model.layers(hidden, 0..model.n_layers(), &mut context, tap))
    };
    let source = &pair.sources[0].1;
    let mut record = Record::new(target.site, rows(source));
    run(source, &mut record);
    let source = record.take().unwrap();
    let mut patch = Patch::new(target.site, rows(&pair.base), |base| found.forward(base, source.clone()));
    let logits = run(&pair.base, &mut patch);
    patch.finish().unwrap();
    let [_, seq, vocabulary] = logits.dims();
    logits.slice([0..1, seq - 1..seq, 0..vocabulary]).reshape([vocabulary])
}

/// One variable in all columns.
fn of(interventions: Vec<AnyIntervention>, rank: usize) -> Candidate {
    Candidate { interventions, partition: Partition::new(vec![("label".to_owned(), 0..rank)], rank).unwrap() }
}

fn gradient(loss: &Tensor<1>, found: &AnyIntervention) -> Vec<f32> {
    let mut gradients = GradientsParams::from_grads(loss.backward(), found);
    let rotation = match found {
        AnyIntervention::RotatedSpace(space) => match &space.rotation {
            intervene::orthogonal::Rotation::Manifold(manifold) => manifold.stiefel.id,
            intervene::orthogonal::Rotation::Parametrised(_) => unreachable!("made on the manifold"),
        },
        _ => unreachable!("a rotated space"),
    };
    gradients.remove::<2>(rotation).expect("R has a gradient").into_data().iter::<f32>().collect()
}

fn apart(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn logits_and_gradients_through_the_cache_are_the_full_runs() {
    let device = Device::flex();
    let (mut cases, mut moved) = (0, 0);
    for folder in common::families() {
        let family = common::name(&folder).to_owned();
        let model = Pretrained::load(&folder, Dtype::F32, &device).unwrap();
        for (component, heads) in COMPONENTS {
            if model.site_shape(component.site()).is_none() {
                continue;
            }
            for (layer, position) in [(0, 0), (0, 3), (1, 2), (1, 6)] {
                let mut rng = ChaCha8Rng::seed_from_u64(layer as u64);
                let target = Target { site: component.at(layer), heads: heads.to_vec() };
                let width = target.width(&model);
                let tracked = device.clone().autodiff();
                let found =
                    AnyIntervention::fresh(Kind::RotatedSpace, width, Some(width / 2), None, &mut rng, &tracked);
                let found = found.unwrap();
                let pairs = pairs(model.vocab_size(), position, &mut rng);
                let place = [Place::new(target.clone(), &pairs)];
                let storage = Storage::at([Level::Memory, Level::Host, Level::Disk, Level::Recompute][cases % 4]);
                let cache = Cache::fill(&model, &place, &storage, &device, &mut |_, _| {}).unwrap();
                let batch = cache.batch(&[2, 0, 1]).unwrap();
                let candidate = of(vec![found.clone()], width / 2);
                let Forward { total: cached_loss, logits: cached, .. } =
                    loss(&model, &batch, &[&candidate], 0.0).unwrap();

                let order = [2, 0, 1].map(|at: usize| &pairs[at]);
                let logits = order.map(|pair| full(&model, &target, pair, &found, &device));
                let terms = logits.clone().into_iter().zip(order).map(|(logits, pair)| {
                    let label = pair.labels[0] as usize;
                    -activation::log_softmax(logits, 0).slice(label..label + 1)
                });
                let full_loss = Tensor::cat(terms.collect(), 0).mean();
                let numbers = |x: Tensor<1>| x.into_data().iter::<f32>().collect::<Vec<f32>>();
                let full_logits: Vec<f32> = logits.into_iter().flat_map(|l| numbers(l.detach().inner())).collect();
                let cached: Vec<f32> = cached.detach().inner().into_data().iter::<f32>().collect();
                let scale = full_logits.iter().fold(1.0_f32, |most, logit| most.max(logit.abs()));
                let case = format!("{family} {} position {position}", target.site);
                assert!(apart(&cached, &full_logits) < 1e-5 * scale, "{case}: logits");
                let (a, b) = (gradient(&cached_loss, &found), gradient(&full_loss, &found));
                // In the last layer a token before the answer moves nothing, unless attention reads it.
                moved += usize::from(b.iter().any(|entry| entry.abs() > 1e-6));
                assert!(apart(&a, &b) < 1e-5, "{case}: gradient apart by {}", apart(&a, &b));
                cases += 1;
            }
        }
    }
    assert!(cases >= 100, "only {cases} cases: are the fixtures there?");
    assert!(2 * moved > cases, "only {moved} of {cases} cases have a gradient");
    println!("{cases} cases, {moved} with a gradient");
}

#[test]
fn a_search_lowers_the_loss_and_keeps_the_columns_orthonormal() {
    let device = Device::flex();
    let folder = common::families().remove(0);
    let model = Pretrained::load(&folder, Dtype::F32, &device).unwrap();
    let target = Target { site: Component::BlockOutput.at(0), heads: vec![] };
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let pairs = pairs(model.vocab_size(), 3, &mut rng);
    for (kind, rank) in [(Kind::RotatedSpace, 4), (Kind::BoundlessRotatedSpace, 32), (Kind::SigmoidMask, 32)] {
        let place = [Place::new(target.clone(), &pairs)];
        let cache = Cache::fill(&model, &place, &Storage::default(), &device, &mut |_, _| {}).unwrap();
        let tracked = device.clone().autodiff();
        let start = AnyIntervention::fresh(kind, 32, Some(rank), None, &mut rng, &tracked).unwrap();
        let mut trainer = Trainer::new(&model, vec![of(vec![start], rank)], Search::plain(60, 2e-2));
        let losses: Vec<f32> = (0..60)
            .map(|_| trainer.step(&mut |_| cache.batch(&[0, 1, 2])).unwrap().losses.into_scalar::<f32>())
            .collect();
        assert!(losses[59] < losses[0], "{kind}: {} to {}", losses[0], losses[59]);
        let error = intervene::alignment::search::orthogonality_error(&trainer.candidates()[0].1.interventions);
        assert!(error < 1e-5, "{kind}: {error}");
    }
}

#[test]
fn pairs_that_do_not_fit_are_refused_before_anything_runs() {
    let device = Device::flex();
    let folder = common::families().remove(0);
    let model = Pretrained::load(&folder, Dtype::F32, &device).unwrap();
    let refused = |target: &Target, pairs: &[Pair], said: &str| {
        let place = [Place::new(target.clone(), pairs)];
        let filled = Cache::fill(&model, &place, &Storage::default(), &device, &mut |_, _| {});
        let error = filled.err().expect(said).to_string();
        assert!(error.contains(said), "{error}");
    };
    let good = Target { site: Component::BlockOutput.at(0), heads: vec![] };
    let pairs = pairs(model.vocab_size(), 3, &mut ChaCha8Rng::seed_from_u64(0));
    refused(&good, &[], "no pair");
    let with = |change: &dyn Fn(&mut Pair)| {
        let mut pairs = pairs.clone();
        change(&mut pairs[1]);
        pairs
    };
    refused(&good, &with(&|pair| pair.base.positions = vec![9]), "pair 1: position 9 is past the end");
    refused(&good, &with(&|pair| pair.base.positions.clear()), "pair 1: no position");
    refused(&good, &with(&|pair| pair.sources.clear()), "some have none");
    refused(&good, &with(&|pair| pair.sources[0].1.positions.push(1)), "different number of positions");
    refused(&good, &with(&|pair| pair.labels = vec![u32::MAX]), "not in the vocabulary");
    refused(&Target { site: Component::BlockOutput.at(9), heads: vec![] }, &pairs, "layer 9 is not there");
    refused(&Target { site: Component::HeadQueryOutput.at(0), heads: vec![] }, &pairs, "needs its heads named");
    refused(&Target { site: Component::HeadQueryOutput.at(0), heads: vec![99] }, &pairs, "head 99 is not there");
}

/// The largest difference between two batches' logits under an intervention for each place.
fn logits(model: &Pretrained, cache: &Cache<'_>, pairs: &[usize], found: &[AnyIntervention]) -> Vec<f32> {
    let batch = cache.batch(pairs).unwrap();
    let candidate = of(found.to_vec(), 4);
    loss(model, &batch, &[&candidate], 0.0).unwrap().logits.detach().inner().into_data().iter::<f32>().collect()
}

fn rotated(width: usize, rng: &mut ChaCha8Rng, device: &Device) -> AnyIntervention {
    AnyIntervention::fresh(Kind::RotatedSpace, width, Some(4), None, rng, &device.clone().autodiff()).unwrap()
}

#[test]
fn the_cells_of_a_sweep_share_what_each_would_compute_alone() {
    let device = Device::flex();
    for folder in common::families() {
        let model = Pretrained::load(&folder, Dtype::F32, &device).unwrap();
        let width = model.dimensions().d_model;
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let early = pairs(model.vocab_size(), 2, &mut rng);
        let mut late = early.clone();
        for pair in &mut late {
            pair.base.positions = vec![pair.base.tokens.len() - 1];
            pair.sources[0].1.positions = vec![pair.sources[0].1.tokens.len() - 1];
        }
        let target = |component: Component, layer: usize| Target { site: component.at(layer), heads: vec![] };
        let mut cells = Vec::new();
        for pairs in [&early, &late] {
            cells.push(vec![Place::new(target(Component::BlockOutput, 0), pairs)]);
            cells.push(vec![Place::new(target(Component::AttentionInput, 1), pairs)]);
        }
        for level in [Level::Memory, Level::Host, Level::Disk, Level::Recompute] {
            let states = States::fill(&model, &cells, &Storage::at(level), &device, &mut |_, _| {}).unwrap();
            assert_eq!(states.level(), level);
            for cell in &cells {
                let found = [rotated(width, &mut rng, &device)];
                let shared = logits(&model, &states.cache(cell), &[0, 2, 1], &found);
                let alone = Cache::fill(&model, cell, &Storage::default(), &device, &mut |_, _| {}).unwrap();
                let alone = logits(&model, &alone, &[0, 2, 1], &found);
                let scale = alone.iter().fold(1.0_f32, |most, logit| most.max(logit.abs()));
                assert!(apart(&shared, &alone) < 1e-5 * scale, "{} {level}", folder.display());
            }
        }
    }
}

#[test]
fn several_places_at_once_are_the_full_run_with_several_patches() {
    let device = Device::flex();
    for folder in common::families() {
        let model = Pretrained::load(&folder, Dtype::F32, &device).unwrap();
        let width = model.dimensions().d_model;
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let first = pairs(model.vocab_size(), 2, &mut rng);
        let mut second = first.clone();
        second.iter_mut().for_each(|pair| pair.base.positions = vec![4]);
        let targets = [Component::MlpOutput.at(0), Component::BlockOutput.at(0), Component::BlockInput.at(1)]
            .map(|site| Target { site, heads: vec![] });
        let pairs = [&first, &second, &first];
        let places: Vec<Place> =
            targets.iter().zip(pairs).map(|(target, pairs)| Place::new(target.clone(), pairs)).collect();
        let found = [0, 1, 2].map(|_| rotated(width, &mut rng, &device));
        let cache = Cache::fill(&model, &places, &Storage::default(), &device, &mut |_, _| {}).unwrap();
        let cached = logits(&model, &cache, &[0, 1, 2], &found);

        let mut whole = Vec::new();
        for at in 0..3 {
            let rows = |prompt: &Prompt| Rows::positions(vec![prompt.positions.clone()]).unwrap();
            let run = |prompt: &Prompt, tap: &mut dyn Tap| {
                let mut context = Context::full(1, prompt.tokens.len());
                let hidden = model.embed(tokens(prompt, &device), &context);
                model.unembed(model.layers(hidden, 0..model.n_layers(), &mut context, tap))
            };
            let mut patches: Vec<Patch<'_>> = Vec::new();
            for ((target, pairs), found) in targets.iter().zip(pairs).zip(&found) {
                let source = &pairs[at].sources[0].1;
                let mut record = Record::new(target.site, rows(source));
                run(source, &mut record);
                let source = record.take().unwrap();
                let edit = move |base| found.forward(base, source.clone());
                patches.push(Patch::new(target.site, rows(&pairs[at].base), edit));
            }
            let logits =
                run(&first[at].base, &mut |site: intervene::tap::Site, x: Tensor<3>| patches[..].visit(site, x));
            let [_, seq, vocabulary] = logits.dims();
            let last = logits.slice([0..1, seq - 1..seq, 0..vocabulary]).detach().inner();
            whole.extend(last.into_data().iter::<f32>());
        }
        let scale = whole.iter().fold(1.0_f32, |most, logit| most.max(logit.abs()));
        assert!(apart(&cached, &whole) < 1e-5 * scale, "{}", folder.display());
    }
}

#[test]
fn an_answer_of_several_tokens_is_read_where_each_is_said() {
    let device = Device::flex();
    let model = Pretrained::load(&common::families().remove(0), Dtype::F32, &device).unwrap();
    let width = model.dimensions().d_model;
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut pairs = pairs(model.vocab_size(), 2, &mut rng);
    pairs[0].labels = vec![9, 4, 3];
    pairs[1].labels = vec![5, 6];
    let target = Target { site: Component::BlockOutput.at(0), heads: vec![] };
    let found = rotated(width, &mut rng, &device);
    let places = [Place::new(target.clone(), &pairs)];
    let cache = Cache::fill(&model, &places, &Storage::default(), &device, &mut |_, _| {}).unwrap();
    let batch = cache.batch(&[0, 1, 2]).unwrap();
    let together = loss(&model, &batch, &[&of(vec![found.clone()], 4)], 0.0).unwrap().losses;
    // Each answer alone: the base up to the token before it.
    let mut terms = Vec::new();
    for pair in &pairs {
        for (at, label) in pair.labels.iter().enumerate() {
            let mut one = pair.clone();
            one.base.tokens.truncate(pair.base.tokens.len() - (pair.labels.len() - 1 - at));
            let last = full(&model, &target, &one, &found, &device).detach().inner();
            let term = -activation::log_softmax(last, 0).slice(*label as usize..*label as usize + 1);
            terms.push(term.into_scalar::<f32>());
        }
    }
    let mean = terms.iter().sum::<f32>() / terms.len() as f32;
    assert!((together.into_scalar::<f32>() - mean).abs() < 1e-5, "{mean}");
}

/// A batch that nothing is cached for: all layers run on all tokens, sources included.
fn uncached(model: &Pretrained, target: &Target, pairs: &[Pair], device: &Device) -> Batch {
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
        parts: vec![Part { site: target.site, rows, sources: vec![source] }],
        swapped: vec![vec![0]; pairs.len()],
        choices: None,
        answers: Rows::positions(pairs.iter().map(|pair| vec![pair.base.tokens.len() - 1]).collect()).unwrap(),
        labels: Tensor::from_data(TensorData::new(labels, [pairs.len(), 1]), device),
        weights: None,
    }
}

#[test]
fn fifty_steps_through_the_cache_have_the_losses_of_fifty_without_it() {
    let device = Device::flex();
    let mut moved: f32 = 0.0;
    for folder in common::families() {
        let model = Pretrained::load(&folder, Dtype::F32, &device).unwrap();
        let width = model.dimensions().d_model;
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let pairs = pairs(model.vocab_size(), 2, &mut rng);
        let target = Target { site: Component::BlockOutput.at(0), heads: vec![] };
        let places = [Place::new(target.clone(), &pairs)];
        let cache = Cache::fill(&model, &places, &Storage::default(), &device, &mut |_, _| {}).unwrap();
        for kind in [Kind::RotatedSpace, Kind::BoundlessRotatedSpace] {
            let rank = if kind == Kind::RotatedSpace { 4 } else { width };
            let tracked = device.clone().autodiff();
            let start = AnyIntervention::fresh(kind, width, Some(rank), None, &mut rng, &tracked).unwrap();
            let search = Search { penalty: 1.0, ..Search::plain(50, 1e-2) };
            let [mut with, mut without] =
                [0, 1].map(|_| Trainer::new(&model, vec![of(vec![start.clone()], rank)], search));
            let mut losses = Vec::new();
            for step in 0..50 {
                let picked = [step % 3, (step + 1) % 3];
                let some = picked.map(|at| pairs[at].clone());
                let a = with.step(&mut |_| cache.batch(&picked)).unwrap().losses.into_scalar::<f32>();
                let b = without.step(&mut |_| Ok(uncached(&model, &target, &some, &device))).unwrap();
                let b = b.losses.into_scalar::<f32>();
                assert!((a - b).abs() < 1e-4, "{} {kind} step {step}: {a} and {b}", folder.display());
                losses.push(a);
            }
            moved = moved.max((losses[48] - losses[0]).abs());
        }
    }
    assert!(moved > 1e-2, "no loss has moved by more than {moved}");
}
