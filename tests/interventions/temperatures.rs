//! Temperatures are annealed, boundaries are clamped and hardened, and masks stay finite.

use burn::tensor::{Device, TensorData};
use intervene::interventions::{AnyIntervention, Intervention, Kind};

use super::reference::{check, pyvene, tensors};
use super::{WIDTH, rng, rows, values};

#[test]
fn the_boundary_is_clamped_and_hardens() {
    let device = Device::flex();
    let kind = Kind::BoundlessRotatedSpace;
    for (boundary, hard_rank) in
        [(-0.5_f32, 1), (0.0, 1), (0.24, 2), (0.25, 2), (0.26, 3), (0.9, 8), (1.0, 8), (3.0, 8)]
    {
        let mut tensors = tensors(kind, 21);
        tensors.insert("intervention_boundaries".to_owned(), TensorData::from([boundary]));
        let one = AnyIntervention::from_tensors(kind, &tensors, None, &device).unwrap();
        let (base, source) = (rows(22), rows(23));
        let output = one.forward(base.clone(), source.clone());
        check("clamped", &output, &base, &source, |_, unit, b, s| pyvene(kind, &tensors, unit, b, s, None));
        let AnyIntervention::BoundlessRotatedSpace(mut one) = one else { panic!("boundless") };
        assert_eq!(one.hard_rank(), hard_rank, "{boundary}");
        assert_eq!(one.harden(&device).rotation.dims(), [WIDTH, hard_rank]);
        // At a low temperature the soft mask equals the hard one, except for one half at the first column and at an edge.
        one.temperature.set(1e-3);
        let mask = values(&one.mask());
        for (i, m) in mask.iter().enumerate().skip(1) {
            let edge = (f64::from(boundary.clamp(1e-3, 1.0)) * WIDTH as f64 - i as f64).abs() < 1e-6;
            let expected = if edge { 0.5 } else { f64::from(u8::from(i < hard_rank)) };
            assert!((m - expected).abs() < 1e-3, "{boundary}: column {i}: {m}");
        }
        let penalty = one.penalty().unwrap().into_scalar::<f32>();
        assert_eq!(penalty, boundary);
    }
}

#[test]
fn gradients_stay_finite_at_a_low_temperature() {
    let tracked = Device::flex().autodiff();
    let mut one =
        AnyIntervention::fresh(Kind::BoundlessRotatedSpace, WIDTH, None, None, &mut rng(24), &tracked).unwrap();
    one.temperature_mut().unwrap().set(1e-4);
    let gradients = one.forward(rows(25), rows(26)).sum().backward();
    let AnyIntervention::BoundlessRotatedSpace(one) = one else { panic!("boundless") };
    assert!(one.boundary.val().grad(&gradients).unwrap().into_scalar::<f32>().is_finite());
}

#[test]
fn temperatures_are_annealed() {
    let device = Device::flex();
    for kind in [Kind::BoundlessRotatedSpace, Kind::SigmoidMaskRotatedSpace] {
        let mut one = AnyIntervention::fresh(kind, WIDTH, None, None, &mut rng(27), &device).unwrap();
        assert_eq!(one.temperature_mut().unwrap().now(), 50.0);
        for (progress, expected) in [(0.0, 50.0), (0.5, 25.05), (1.0, 0.1), (2.0, 0.1), (-1.0, 50.0)] {
            one.anneal(progress);
            assert!((one.temperature_mut().unwrap().now() - expected).abs() < 1e-12, "{kind} at {progress}");
        }
    }
    let mut mask = AnyIntervention::fresh(Kind::SigmoidMask, WIDTH, None, None, &mut rng(28), &device).unwrap();
    mask.anneal(0.7);
    assert_eq!(mask.temperature_mut().unwrap().now(), 0.01);
    let mut vanilla = AnyIntervention::fresh(Kind::Vanilla, WIDTH, None, None, &mut rng(29), &device).unwrap();
    vanilla.anneal(0.5);
    assert!(vanilla.temperature_mut().is_none() && vanilla.penalty().is_none());
}
