//! The cache is exact: logits, loss and R's gradient through it are the full run's.
#![allow(clippy::single_range_in_vec_init, reason = "one variable has one range of columns")]

mod common;

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Int, Tensor, TensorData, activation};
use intervene::alignment::search::{Search, Trainer, loss, rewrite};
use intervene::alignment::{Cache, Target};
use intervene::data::{Pair, Prompt};
use intervene::interventions::{AnyIntervention, Kind};
use intervene::models::{Context, Dtype, FrozenModel, LanguageModel, Pretrained};
use intervene::tap::{Component, Patch, Record, Rows};
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
        label,
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
    let run = |prompt: &Prompt, tap: &mut dyn intervene::tap::Tap| {
        let mut context = Context::full(1, prompt.tokens.len());
        let hidden = model.embed(tokens(prompt, device), &context);
        model.unembed(model.layers(hidden, 0..model.n_layers(), &mut context, tap))
    };
    let source = &pair.sources[0].1;
    let mut record = Record::new(target.site, rows(source));
    run(source, &mut record);
    let source = record.take().unwrap();
    let width = source.dims()[2];
    let mut patch =
        Patch::new(target.site, rows(&pair.base), |base| rewrite(found, base, &[(source.clone(), 0..width)]));
    let logits = run(&pair.base, &mut patch);
    patch.finish().unwrap();
    let [_, seq, vocabulary] = logits.dims();
    logits.slice([0..1, seq - 1..seq, 0..vocabulary]).reshape([vocabulary])
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
                let cache = Cache::fill(&model, &target, &pairs, &[0..width / 2], &device, &mut |_| {}).unwrap();
                let batch = cache.batch(&[2, 0, 1]).unwrap();
                let (cached_loss, cached) = loss(&model, target.site, &batch, &found, 0.0).unwrap();

                let order = [2, 0, 1].map(|at: usize| &pairs[at]);
                let logits = order.map(|pair| full(&model, &target, pair, &found, &device));
                let terms = logits.clone().into_iter().zip(order).map(|(logits, pair)| {
                    let label = pair.label as usize;
                    -activation::log_softmax(logits, 0).slice([label..label + 1])
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
        let cache = Cache::fill(&model, &target, &pairs, &[0..rank], &device, &mut |_| {}).unwrap();
        let tracked = device.clone().autodiff();
        let start = AnyIntervention::fresh(kind, 32, Some(rank), None, &mut rng, &tracked).unwrap();
        let mut trainer = Trainer::new(&model, target.site, start, Search::plain(60, 2e-2));
        let losses: Vec<f32> = (0..60)
            .map(|_| trainer.step(&mut || cache.batch(&[0, 1, 2])).unwrap().losses[0].clone().into_scalar::<f32>())
            .collect();
        assert!(losses[59] < losses[0], "{kind}: {} to {}", losses[0], losses[59]);
        let error = intervene::alignment::search::orthogonality_error(&trainer.intervention().valid());
        assert!(error < 1e-5, "{kind}: {error}");
    }
}

#[test]
fn pairs_that_do_not_fit_are_refused_before_anything_runs() {
    let device = Device::flex();
    let folder = common::families().remove(0);
    let model = Pretrained::load(&folder, Dtype::F32, &device).unwrap();
    let refused = |target: &Target, pairs: &[Pair], said: &str| {
        let error = Cache::fill(&model, target, pairs, &[0..4], &device, &mut |_| {}).err().expect(said).to_string();
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
    refused(&good, &with(&|pair| pair.sources.clear()), "pair 1: it has 0 sources");
    refused(&good, &with(&|pair| pair.sources[0].0 = 4), "1 variables and no number 4");
    refused(&good, &with(&|pair| pair.sources[0].1.positions.push(1)), "different number of positions");
    refused(&good, &with(&|pair| pair.label = u32::MAX), "not in the vocabulary");
    refused(&Target { site: Component::BlockOutput.at(9), heads: vec![] }, &pairs, "layer 9 is not there");
    refused(&Target { site: Component::HeadQueryOutput.at(0), heads: vec![] }, &pairs, "needs its heads named");
    refused(&Target { site: Component::HeadQueryOutput.at(0), heads: vec![99] }, &pairs, "head 99 is not there");
}
