//! The loss is taken over a choice of answers, and pairs that keep their answer are weighted.

use burn::tensor::{Device, Tensor};
use intervene::alignment::loss::{Loss, Objective, Penalty, loss};
use intervene::alignment::{Cache, Candidate, LocatedPairs, PairSet, Partition, Storage};
use intervene::interventions::{AnyIntervention, Kind};
use intervene::models::{Dtype, LanguageModel, Pretrained};
use intervene::tap::Component;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{apart, cache, model, pairs, start};
use crate::common::families;

#[test]
fn logits_are_restricted_to_the_answers() {
    for folder in families::families() {
        let model = Pretrained::load(&folder, Dtype::F32, &Device::flex()).unwrap();
        let width = model.dimensions().d_model;
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let tracked = Device::flex().autodiff();
        let one = AnyIntervention::fresh(Kind::RotatedSpace, width, Some(4), None, &mut rng, &tracked).unwrap();
        let parts = vec![("first".to_owned(), 0..2), ("second".to_owned(), 2..4)];
        let candidate = Candidate { interventions: vec![one], partition: Partition::new(parts, 4).unwrap() };
        let pairs = pairs(model.vocab_size());
        let place = [LocatedPairs::new(Component::BlockOutput.at(0).into(), &pairs)];
        let fill = || Cache::fill(&model, &place, &Storage::default(), &Device::flex(), &mut |_, _| {}).unwrap();
        // Labels are 0 to 10. Two further tokens are among the answers, in any order, and one is named twice.
        let among = fill().among(&[20, 3, 0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 15, 3]).unwrap();
        let asked: Vec<usize> = (0..=10).chain([15, 20]).collect();
        let order = [4, 1, 11, 0];
        let plain = Objective::default();
        let run = |cache: &Cache<'_>| loss(&model, &cache.batch(&order).unwrap(), &[&candidate], &plain).unwrap();
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
fn pairs_that_keep_their_answer_have_the_weight_of_isolation() {
    let model = model();
    let mut pairs = pairs(model.vocab_size());
    pairs.iter_mut().step_by(2).for_each(|pair| pair.base_answer = Some(pair.labels[0]));
    let candidate = start(Kind::RotatedSpace, 4, 1);
    let cache = cache(&model, &pairs);
    let mean = |objective: &Objective, pairs: &[usize]| {
        let forward = loss(&model, &cache.batch(pairs).unwrap(), &[&candidate], objective).unwrap();
        f64::from(forward.losses.into_scalar::<f32>())
    };
    let plain = Objective::default();
    let weighed = Objective { loss: Loss::CrossEntropy, penalties: vec![(Penalty::Isolation, 0.25)] };
    let (changes, keeps) = (mean(&plain, &[1, 3, 5]), mean(&plain, &[2, 4]));
    let expected = (3.0 * changes + 0.25 * 2.0 * keeps) / (3.0 + 0.25 * 2.0);
    assert!((mean(&weighed, &[1, 2, 3, 4, 5]) - expected).abs() < 1e-5);
    assert!((mean(&plain, &[1, 2, 3, 4, 5]) - (3.0 * changes + 2.0 * keeps) / 5.0).abs() < 1e-5);
}
