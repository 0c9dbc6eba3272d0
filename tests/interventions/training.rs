//! Every trainable intervention lowers its loss and keeps R orthonormal.

use burn::module::ParamGroup;
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor};
use intervene::interventions::{AnyIntervention, Intervention, Kind, RotatedSpace, Temperature};
use intervene::orthogonal::{self, Map, Rotation, StiefelAdam};

use super::reference::{tensors, vector};
use super::{WIDTH, rng, rows};

/// The loss falls, every parameter changes, and R stays orthonormal: parameter groups match their parameters in the enum.
#[test]
fn every_trainable_intervention_trains() {
    let plain = Device::flex();
    let tracked = plain.clone().autodiff();
    let trainable = [
        Kind::RotatedSpace,
        Kind::LowRankRotatedSpace,
        Kind::BoundlessRotatedSpace,
        Kind::SigmoidMask,
        Kind::SigmoidMaskRotatedSpace,
    ];
    for kind in trainable {
        for map in [None, Some(Map::Householder), Some(Map::MatrixExp)] {
            let rank = matches!(kind, Kind::RotatedSpace | Kind::LowRankRotatedSpace).then_some(3);
            let mut rng = rng(18);
            let mut one = AnyIntervention::fresh(kind, WIDTH, rank, map, &mut rng, &tracked).unwrap();
            if kind == Kind::SigmoidMaskRotatedSpace {
                // Under pyvene's initial, uniform mask every R has the same effect, so the start has another mask.
                one = AnyIntervention::from_tensors(kind, &tensors(kind, 35), map, &tracked).unwrap();
            }
            if let Some(temperature) = one.temperature_mut() {
                *temperature = Temperature::new(2.0, 1.0);
            }
            let (base, source) = (rows(19), rows(20));
            // The target exchanges three hidden directions; for a mask over coordinates these are coordinates.
            let hidden = match kind {
                Kind::SigmoidMask => Tensor::eye(WIDTH, &plain).slice([0..WIDTH, 0..3]),
                _ => orthogonal::random(WIDTH, 3, &mut rng, &plain),
            };
            let target = RotatedSpace::new(Rotation::manifold(hidden, &plain)).forward(base.clone(), source.clone());
            let mut optimiser = ModuleOptimizer::from(AdamConfig::new().build()).with_group(
                ParamGroup::from_predicate("stiefel"),
                StiefelAdam::default(),
                None,
            );
            let before = one.to_tensors();
            let mut losses = Vec::new();
            for step in 0..60 {
                one.anneal(f64::from(step) / 60.0);
                let mut loss = (one.forward(base.clone(), source.clone()) - target.clone()).square().mean();
                losses.push(loss.clone().into_scalar::<f32>());
                if let Some(penalty) = one.penalty() {
                    loss = loss + penalty.mul_scalar(1e-3);
                }
                let gradients = GradientsParams::from_grads(loss.backward(), &one);
                one = optimiser.step(0.02, one, gradients);
            }
            assert!(losses[59] < 0.8 * losses[0], "{kind} {map:?}: {} -> {}", losses[0], losses[59]);
            for (name, after) in one.to_tensors() {
                assert_ne!(vector(&after), vector(&before[&name]), "{kind} {map:?}: {name} did not change");
            }
            if let Some(rotation) = one.rotation() {
                let error = orthogonal::error(&rotation.matrix());
                assert!(error < 1e-5, "{kind} {map:?}: {error}");
            }
        }
    }
}
