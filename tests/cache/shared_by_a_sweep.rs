//! The cells of a sweep share cached states and compute what each computes alone.

use burn::tensor::Device;
use intervene::alignment::{Cache, Level, LocatedPairs, States, Storage};
use intervene::models::{Dtype, LanguageModel, Pretrained};
use intervene::tap::Component;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{apart, logits, pairs, rotated};
use crate::common::families;

#[test]
fn the_cells_of_a_sweep_share_what_each_would_compute_alone() {
    let device = Device::flex();
    for folder in families::families() {
        let model = Pretrained::load(&folder, Dtype::F32, &device).unwrap();
        let width = model.dimensions().d_model;
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let early = pairs(model.vocab_size(), 2, &mut rng);
        let mut late = early.clone();
        for pair in &mut late {
            pair.base.positions = vec![pair.base.tokens.len() - 1];
            pair.sources[0].1.positions = vec![pair.sources[0].1.tokens.len() - 1];
        }
        let target = |component: Component, layer: usize| component.at(layer).into();
        let mut cells = Vec::new();
        for pairs in [&early, &late] {
            cells.push(vec![LocatedPairs::new(target(Component::BlockOutput, 0), pairs)]);
            cells.push(vec![LocatedPairs::new(target(Component::AttentionInput, 1), pairs)]);
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
