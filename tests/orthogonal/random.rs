//! Random rotations are orthonormal, uniform, and determined by their seed.

use burn::tensor::Device;
use intervene::orthogonal;

use super::{rng, values};

#[test]
fn random_columns_are_orthonormal_and_determined_by_their_seed() {
    let device = Device::flex();
    for (width, rank) in [(1, 1), (16, 16), (50, 7), (200, 200)] {
        let r = orthogonal::random(width, rank, &mut rng(3), &device);
        assert_eq!(r.dims(), [width, rank]);
        assert!(orthogonal::error(&r) < 1e-6, "{width} x {rank}: {}", orthogonal::error(&r));
        assert_eq!(values(&r), values(&orthogonal::random(width, rank, &mut rng(3), &device)));
    }
    let first: Vec<f32> = values(&orthogonal::random(16, 4, &mut rng(1), &device));
    assert_ne!(first, values(&orthogonal::random(16, 4, &mut rng(2), &device)));
}

/// Under the Haar measure every entry has the same mean and variance.
#[test]
fn random_columns_are_uniform() {
    let device = Device::flex();
    let mut rng = rng(11);
    let (mut mean, mut square) = ([0.0_f64; 6], [0.0_f64; 6]);
    let draws = 4_000;
    for _ in 0..draws {
        for (i, x) in values(&orthogonal::random(3, 2, &mut rng, &device)).into_iter().enumerate() {
            mean[i] += f64::from(x) / f64::from(draws);
            square[i] += f64::from(x).powi(2) / f64::from(draws);
        }
    }
    assert!(mean.iter().all(|x| x.abs() < 0.04), "{mean:?}");
    assert!(square.iter().all(|x| (x - 1.0 / 3.0).abs() < 0.03), "{square:?}");
}
