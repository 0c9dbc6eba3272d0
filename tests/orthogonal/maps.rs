//! Every parametrisation is orthonormal and has the values and gradients of an independent computation in f64.

use burn::tensor::{Device, Tensor};
use intervene::orthogonal::{self, Map, Rotation};

use super::{rng, uniform, values};

/// R, computed independently in f64.
fn expected(map: Map, x: &[f64], width: usize, rank: usize, base: &[f64]) -> Vec<f64> {
    let at = |i: usize, j: usize| x[i * rank + j];
    let multiply = |a: &[f64], b: &[f64]| {
        let mut product = vec![0.0; width * width];
        for i in 0..width {
            for k in 0..width {
                for j in 0..width {
                    product[i * width + j] += a[i * width + k] * b[k * width + j];
                }
            }
        }
        product
    };
    let identity: Vec<f64> = (0..width * width).map(|n| f64::from(u8::from(n / width == n % width))).collect();
    let mut skew = vec![0.0; width * width];
    for i in 0..width {
        for j in 0..rank.min(i) {
            skew[i * width + j] += at(i, j);
            skew[j * width + i] -= at(i, j);
        }
    }
    let square = match map {
        Map::MatrixExp => {
            // The plain Taylor series suffices: the matrices of the test are small.
            let (mut term, mut sum) = (identity.clone(), identity.clone());
            for k in 1..80 {
                term = multiply(&term, &skew).iter().map(|t| t / f64::from(k)).collect();
                sum.iter_mut().zip(&term).for_each(|(s, t)| *s += t);
            }
            sum
        }
        Map::Cayley => {
            // Gauss-Jordan elimination on (I − A/2 | I + A/2).
            let mut left: Vec<f64> = identity.iter().zip(&skew).map(|(i, a)| i - a / 2.0).collect();
            let mut right: Vec<f64> = identity.iter().zip(&skew).map(|(i, a)| i + a / 2.0).collect();
            for p in 0..width {
                let pivot = left[p * width + p];
                for j in 0..width {
                    left[p * width + j] /= pivot;
                    right[p * width + j] /= pivot;
                }
                for i in (0..width).filter(|&i| i != p) {
                    let factor = left[i * width + p];
                    for j in 0..width {
                        left[i * width + j] -= factor * left[p * width + j];
                        right[i * width + j] -= factor * right[p * width + j];
                    }
                }
            }
            right
        }
        Map::Householder => {
            let mut product = identity.clone();
            for c in 0..rank {
                let v: Vec<f64> = (0..width)
                    .map(|i| match i.cmp(&c) {
                        std::cmp::Ordering::Less => 0.0,
                        std::cmp::Ordering::Equal => 1.0,
                        std::cmp::Ordering::Greater => at(i, c),
                    })
                    .collect();
                let tau = 2.0 / v.iter().map(|x| x * x).sum::<f64>();
                let reflection: Vec<f64> =
                    (0..width * width).map(|n| identity[n] - tau * v[n / width] * v[n % width]).collect();
                product = multiply(&product, &reflection);
            }
            for c in 0..rank {
                for i in 0..width {
                    product[i * width + c] *= at(c, c).signum();
                }
            }
            product
        }
    };
    let square = multiply(base, &square);
    (0..width * rank).map(|n| square[n / rank * width + n % rank]).collect()
}

/// Values, orthonormality, and gradients against central differences of the computation above, for every map, square
/// and tall, for small and for large X.
#[test]
fn every_map_is_orthonormal_and_has_the_right_gradient() {
    let tracked = Device::flex().autodiff();
    let plain = Device::flex();
    for map in Map::ALL {
        for (width, rank) in [(7, 7), (9, 4), (6, 1)] {
            for size in [0.1, 1.0, 3.0] {
                let mut rng = rng(5);
                let x = uniform([width, rank], size, &mut rng, &plain);
                let base = orthogonal::random(width, width, &mut rng, &plain);
                let weights = uniform([width, rank], 1.0, &mut rng, &plain);
                let rotation = Rotation::parametrised(map, x.clone(), base.clone(), &tracked);
                let r = rotation.matrix();
                let name = format!("{map} {width} x {rank}, entries up to {size}");
                assert!(orthogonal::error(&r.clone().inner()) < 1e-5, "{name}: {}", orthogonal::error(&r.inner()));

                let f64s = |t: &Tensor<2>| values(t).into_iter().map(f64::from).collect::<Vec<_>>();
                let (x64, base64, weights64) = (f64s(&x), f64s(&base), f64s(&weights));
                let reference = expected(map, &x64, width, rank, &base64);
                for (a, b) in f64s(&r.clone().inner()).iter().zip(&reference) {
                    assert!((a - b).abs() < 1e-5, "{name}: {a} is not {b}");
                }

                let Rotation::Parametrised(parametrised) = &rotation else { panic!("{name} is parametrised") };
                let loss = (r * Tensor::from_inner(weights)).sum();
                let gradient = f64s(&parametrised.original.val().grad(&loss.backward()).unwrap());
                let value = |x: &[f64]| -> f64 {
                    expected(map, x, width, rank, &base64).iter().zip(&weights64).map(|(r, w)| r * w).sum()
                };
                for n in 0..width * rank {
                    // The signs on the diagonal are not differentiated through.
                    let moved = |by: f64| {
                        let mut x = x64.clone();
                        x[n] += by;
                        value(&x)
                    };
                    let difference = if n / rank == n % rank { 0.0 } else { (moved(1e-5) - moved(-1e-5)) / 2e-5 };
                    assert!(
                        (gradient[n] - difference).abs() < 2e-5 * (1.0 + difference.abs()),
                        "{name}: entry {n}: {} is not {difference}",
                        gradient[n]
                    );
                }
            }
        }
    }
}

#[test]
fn maps_have_pytorchs_names() {
    for map in Map::ALL {
        assert_eq!(map.name().parse::<Map>().unwrap(), map);
        assert_eq!(serde_json::to_string(&map).unwrap(), format!("\"{map}\""));
    }
    let message = "caley".parse::<Map>().unwrap_err().to_string();
    assert!(message.contains("did you mean `cayley`"), "{message}");
}
