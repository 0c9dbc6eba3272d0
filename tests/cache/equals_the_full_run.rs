//! Logits and gradients through the cache equal those of the full run, for every family, component and storage level.

use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, activation};
use intervene::alignment::loss::{Forward, Objective, loss};
use intervene::alignment::{Cache, Level, LocatedPairs, Location, PairSet, Storage};
use intervene::data::{Pair, Prompt};
use intervene::interventions::{AnyIntervention, Intervention, Kind};
use intervene::models::{Context, Dtype, FrozenModel, LanguageModel, Pretrained};
use intervene::tap::{Component, Patch, Record, Rows, Tap};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{apart, logits, one_variable, pairs, rotated, tokens};
use crate::common::families;

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

/// One pair's whole prompts through the whole model, without any cache: the logits at the last token, `[vocabulary]`.
fn full(model: &Pretrained, target: &Location, pair: &Pair, found: &AnyIntervention, device: &Device) -> Tensor<1> {
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

#[test]
fn logits_and_gradients_through_the_cache_equal_those_of_the_full_run() {
    let device = Device::flex();
    let (mut cases, mut moved) = (0, 0);
    for folder in families::families() {
        let family = families::name(&folder).to_owned();
        let model = Pretrained::load(&folder, Dtype::F32, &device).unwrap();
        for (component, heads) in COMPONENTS {
            if model.site_shape(component.site()).is_none() {
                continue;
            }
            for (layer, position) in [(0, 0), (0, 3), (1, 2), (1, 6)] {
                let mut rng = ChaCha8Rng::seed_from_u64(layer as u64);
                let target = Location { site: component.at(layer), heads: heads.to_vec(), position: None };
                let width = target.width(&model);
                let tracked = device.clone().autodiff();
                let found =
                    AnyIntervention::fresh(Kind::RotatedSpace, width, Some(width / 2), None, &mut rng, &tracked);
                let found = found.unwrap();
                let pairs = pairs(model.vocab_size(), position, &mut rng);
                let place = [LocatedPairs::new(target.clone(), &pairs)];
                let storage = Storage::at([Level::Memory, Level::Host, Level::Disk, Level::Recompute][cases % 4]);
                let cache = Cache::fill(&model, &place, &storage, &device, &mut |_, _| {}).unwrap();
                let batch = cache.batch(&[2, 0, 1]).unwrap();
                let candidate = one_variable(vec![found.clone()], width / 2);
                let Forward { total: cached_loss, logits: cached, .. } =
                    loss(&model, &batch, &[&candidate], &Objective::default()).unwrap();

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
                // In the last layer a token before the answer has an effect only where attention reads it.
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
fn several_places_at_once_equal_the_full_run_with_several_patches() {
    let device = Device::flex();
    for folder in families::families() {
        let model = Pretrained::load(&folder, Dtype::F32, &device).unwrap();
        let width = model.dimensions().d_model;
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let first = pairs(model.vocab_size(), 2, &mut rng);
        let mut second = first.clone();
        second.iter_mut().for_each(|pair| pair.base.positions = vec![4]);
        let targets =
            [Component::MlpOutput.at(0), Component::BlockOutput.at(0), Component::BlockInput.at(1)].map(Location::from);
        let pairs = [&first, &second, &first];
        let places: Vec<LocatedPairs> =
            targets.iter().zip(pairs).map(|(target, pairs)| LocatedPairs::new(target.clone(), pairs)).collect();
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
fn each_token_of_an_answer_is_read_at_its_own_position() {
    let device = Device::flex();
    let model = Pretrained::load(&families::families().remove(0), Dtype::F32, &device).unwrap();
    let width = model.dimensions().d_model;
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut pairs = pairs(model.vocab_size(), 2, &mut rng);
    pairs[0].labels = vec![9, 4, 3];
    pairs[1].labels = vec![5, 6];
    let target = Location::from(Component::BlockOutput.at(0));
    let found = rotated(width, &mut rng, &device);
    let places = [LocatedPairs::new(target.clone(), &pairs)];
    let cache = Cache::fill(&model, &places, &Storage::default(), &device, &mut |_, _| {}).unwrap();
    let batch = cache.batch(&[0, 1, 2]).unwrap();
    let together =
        loss(&model, &batch, &[&one_variable(vec![found.clone()], 4)], &Objective::default()).unwrap().losses;
    // Each answer alone: the base up to the token before it.
    let mut terms = Vec::new();
    for pair in &pairs {
        for (at, label) in pair.labels.iter().enumerate() {
            let mut one = pair.clone();
            let length = pair.base.tokens.len() - (pair.labels.len() - 1 - at);
            one.base.tokens = pair.base.tokens[..length].into();
            let last = full(&model, &target, &one, &found, &device).detach().inner();
            let term = -activation::log_softmax(last, 0).slice(*label as usize..*label as usize + 1);
            terms.push(term.into_scalar::<f32>());
        }
    }
    let mean = terms.iter().sum::<f32>() / terms.len() as f32;
    assert!((together.into_scalar::<f32>() - mean).abs() < 1e-5, "{mean}");
}
