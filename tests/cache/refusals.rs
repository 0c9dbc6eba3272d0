//! Pairs that do not fit the model are refused before anything runs.

use burn::tensor::Device;
use intervene::alignment::{Cache, LocatedPairs, Location, Storage};
use intervene::data::Pair;
use intervene::models::{Dtype, LanguageModel, Pretrained};
use intervene::tap::Component;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::pairs;
use crate::common::families;

#[test]
fn pairs_that_do_not_fit_are_refused_before_anything_runs() {
    let device = Device::flex();
    let folder = families::families().remove(0);
    let model = Pretrained::load(&folder, Dtype::F32, &device).unwrap();
    let refused = |target: &Location, pairs: &[Pair], said: &str| {
        let place = [LocatedPairs::new(target.clone(), pairs)];
        let filled = Cache::fill(&model, &place, &Storage::default(), &device, &mut |_, _| {});
        let error = filled.err().expect(said).to_string();
        assert!(error.contains(said), "{error}");
    };
    let good = Component::BlockOutput.at(0).into();
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
    refused(&Component::BlockOutput.at(9).into(), &pairs, "layer 9 does not exist");
    refused(&Component::HeadQueryOutput.at(0).into(), &pairs, "needs its heads named");
    refused(
        &Location { site: Component::HeadQueryOutput.at(0), heads: vec![99], position: None },
        &pairs,
        "head 99 does not exist",
    );
}
