//! Gradients of masks and boundaries equal central differences of the formula.

use burn::tensor::{Device, TensorData};
use intervene::interventions::{AnyIntervention, Intervention, Kind};
use intervene::orthogonal::Rotation;

use super::reference::{pyvene, tensors, vector};
use super::{BATCH, UNITS, WIDTH, rows, values};

/// The gradients of parameters other than R equal central differences of pyvene's formula.
#[test]
fn masks_and_boundaries_have_the_right_gradients() {
    let tracked = Device::flex().autodiff();
    let (base, source, weights) = (rows(14), rows(15), rows(16));
    let cases = [
        (Kind::BoundlessRotatedSpace, "intervention_boundaries"),
        (Kind::SigmoidMask, "mask"),
        (Kind::SigmoidMaskRotatedSpace, "masks"),
    ];
    for (kind, name) in cases {
        let tensors = tensors(kind, 17);
        let one = AnyIntervention::from_tensors(kind, &tensors, None, &tracked).unwrap();
        // The rows and the weights of the loss are constants, as a frozen model's are.
        let gradients = (one.forward(base.clone(), source.clone()) * weights.clone()).sum().backward();
        let gradient = match &one {
            AnyIntervention::BoundlessRotatedSpace(one) => one.boundary.val().grad(&gradients),
            AnyIntervention::SigmoidMask(one) => one.mask.val().grad(&gradients),
            AnyIntervention::SigmoidMaskRotatedSpace(one) => one.mask.val().grad(&gradients),
            _ => None,
        };
        let gradient = values(&gradient.expect("a gradient"));
        if let Some(Rotation::Manifold(own)) = one.rotation() {
            let r = own.stiefel.val().grad(&gradients).expect("a gradient of R");
            assert!(r.abs().max().into_scalar::<f32>() > 1e-3, "{kind}");
        }
        let (b, s, w) = (values(&base), values(&source), values(&weights));
        for (i, gradient) in gradient.iter().enumerate() {
            let loss = |by: f64| {
                let mut moved = tensors.clone();
                let mut at = vector(&tensors[name]);
                at[i] += by;
                moved.insert(name.to_owned(), TensorData::new(at.clone(), [at.len()]));
                let row = |n: usize| n * WIDTH..(n + 1) * WIDTH;
                (0..BATCH * UNITS)
                    .map(|n| {
                        pyvene(kind, &moved, n % UNITS, &b[row(n)], &s[row(n)], None)
                            .iter()
                            .zip(&w[row(n)])
                            .map(|(x, w)| x * w)
                            .sum::<f64>()
                    })
                    .sum::<f64>()
            };
            let difference = (loss(1e-5) - loss(-1e-5)) / 2e-5;
            assert!(
                (gradient - difference).abs() < 1e-5 * (1.0 + difference.abs()),
                "{kind}: {gradient} is not {difference}"
            );
        }
    }
}
