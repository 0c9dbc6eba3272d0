//! Steps on the Stiefel manifold stay on it, at any learning rate and for any gradients.

use burn::tensor::{Device, Tensor};
use intervene::orthogonal::{self, Rotation};

use super::{distance, rng, steps, uniform};

/// Few rows are multiplied term by term, many by the whole of R. Both ways give the value of R, and the Euclidean gradient
/// projected onto the tangent space.
#[test]
fn gradients_on_the_manifold_lie_in_the_tangent_space() {
    let plain = Device::flex();
    let tracked = plain.clone().autodiff();
    for (width, rank) in [(12, 12), (12, 5)] {
        for rows in [3, 20] {
            let mut rng = rng(31);
            let r = orthogonal::random(width, rank, &mut rng, &plain);
            let x = uniform([rows, width], 1.0, &mut rng, &plain);
            let mask = uniform([rows, rank], 1.0, &mut rng, &plain);
            let weights = uniform([rows, width], 1.0, &mut rng, &plain);
            let name = format!("{width} x {rank}, {rows} rows");

            let leaf = Tensor::from_inner(r.clone()).require_grad();
            let expected = (x.clone().matmul(leaf.clone()) * mask.clone()).matmul(leaf.clone().transpose());
            let euclidean = leaf.grad(&(expected.clone() * weights.clone()).sum().backward()).unwrap();
            let along = r.clone().transpose().matmul(euclidean.clone());
            let projected = euclidean.clone() - r.clone().matmul((along.clone() + along.transpose()).mul_scalar(0.5));
            assert!(distance(&projected, &euclidean) > 0.1, "{name}: nothing to project");

            let rotation = Rotation::manifold(r, &tracked);
            let Rotation::Manifold(manifold) = &rotation else { panic!("{name} is on the manifold") };
            let applied = rotation.projected(rows);
            let whole = rotation.matrix();
            let ways = [
                applied.back(applied.rotate(x.clone()) * mask.clone()),
                (x.clone().matmul(whole.clone()) * mask.clone()).matmul(whole.transpose()),
            ];
            for way in ways {
                assert!(distance(&way.clone().inner(), &expected.clone().inner()) < 1e-6, "{name}: the value");
                let gradient = manifold.stiefel.val().grad(&(way * weights.clone()).sum().backward()).unwrap();
                assert!(distance(&gradient, &projected) < 2e-5, "{name}: {}", distance(&gradient, &projected));
            }
        }
    }
}

#[test]
fn ten_thousand_steps_on_the_manifold_stay_on_it() {
    let device = Device::flex();
    let mut rng = rng(7);
    let mut worst = 0.0_f64;
    let mut seen = 0;
    let r = orthogonal::random(32, 32, &mut rng, &device);
    let r = steps(r, 5e-3, 10_000, |r| {
        seen += 1;
        if seen % 100 == 1 {
            worst = worst.max(orthogonal::error(r));
        }
        uniform([32, 32], 1.0, &mut rng, &Device::flex())
    });
    worst = worst.max(orthogonal::error(&r));
    println!("worst of 10,000 steps: {worst:.1e}");
    assert!(worst < 1e-5, "{worst}");
}

/// The kinds of gradients that are tried.
#[derive(Clone, Copy, Debug)]
enum Gradients {
    /// Random, with full rank.
    Full,
    /// Rank one: the first Adam directions have the largest possible singular values.
    RankOne,
    /// Constant: the search converges, and Adam amplifies the remaining rounding errors.
    Constant,
    /// All zero.
    Zero,
}

#[test]
fn any_learning_rate_stays_on_the_manifold() {
    let device = Device::flex();
    for (width, rank, count) in [(16, 16, 1_000), (32, 3, 1_000), (96, 96, 40), (512, 16, 40), (256, 256, 6)] {
        for lr in [1e-4, 1e-3, 5e-3, 2e-2, 0.1, 1.0] {
            for gradients in [Gradients::Full, Gradients::RankOne, Gradients::Constant, Gradients::Zero] {
                let mut rng = rng(13);
                let mut worst = 0.0_f64;
                let r = orthogonal::random(width, rank, &mut rng, &device);
                let constant = uniform([width, rank], 1.0, &mut rng, &device);
                let r = steps(r, lr, count, |r| {
                    worst = worst.max(orthogonal::error(r));
                    match gradients {
                        Gradients::Full => uniform([width, rank], 1.0, &mut rng, &device),
                        Gradients::RankOne => {
                            let column = uniform([width, 1], 1.0, &mut rng, &device);
                            column.matmul(uniform([1, rank], 1.0, &mut rng, &device).abs())
                        }
                        Gradients::Constant => constant.clone(),
                        Gradients::Zero => constant.zeros_like(),
                    }
                });
                let last = orthogonal::error(&r);
                worst = worst.max(last);
                println!("{width} x {rank}, lr {lr}, {gradients:?}: {worst:.1e}");
                assert!(last.is_finite() && worst < 1e-5, "{width} x {rank}, lr {lr}, {gradients:?}: {worst}, {last}");
            }
        }
    }
}

/// A batch of rotations takes the steps that its members would take alone.
#[test]
fn a_batch_of_rotations_takes_the_steps_of_its_members() {
    let device = Device::flex();
    let mut rng = rng(17);
    let members: Vec<Tensor<2>> = (0..3).map(|_| orthogonal::random(20, 5, &mut rng, &device)).collect();
    let targets: Vec<Tensor<2>> = (0..3).map(|k| uniform([20, 5], 10.0_f32.powi(k - 1), &mut rng, &device)).collect();
    let stacked = steps(Tensor::stack::<3>(members.clone(), 0), 0.05, 30, |_| Tensor::stack(targets.clone(), 0));
    for (k, (member, target)) in members.into_iter().zip(targets).enumerate() {
        let alone = steps(member, 0.05, 30, |_| target.clone());
        let inside: Tensor<2> = stacked.clone().slice([k..k + 1, 0..20, 0..5]).squeeze_dim(0);
        assert!(distance(&alone, &inside) < 1e-5, "{k}: {}", distance(&alone, &inside));
    }
}
