//! R's columns stay orthonormal, however R is trained, saved and loaded.

use std::path::PathBuf;

use burn::module::{Module, Param, ParamGroup};
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer, Optimizer};
use burn::tensor::{Device, Tensor, TensorData};
use intervene::orthogonal::{self, Map, Rotation, StiefelAdam};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use safetensors::SafeTensors;

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

fn uniform<const D: usize>(shape: [usize; D], size: f32, rng: &mut ChaCha8Rng, device: &Device) -> Tensor<D> {
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| size * (2.0 * rng.random::<f32>() - 1.0)).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

fn values<const D: usize>(tensor: &Tensor<D>) -> Vec<f32> {
    tensor.to_data().try_to_vec::<f32>().unwrap()
}

fn distance<const D: usize>(a: &Tensor<D>, b: &Tensor<D>) -> f32 {
    assert_eq!(a.dims(), b.dims());
    values(a).iter().zip(values(b)).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max)
}

#[test]
fn random_columns_are_orthonormal_and_a_seed_means_the_same() {
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

/// Haar's measure looks alike from everywhere: no entry has a preferred sign or size.
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

/// R as an independent computation in f64 has it.
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
            // Taylor's series, as it stands: the test's matrices are small.
            let (mut term, mut sum) = (identity.clone(), identity.clone());
            for k in 1..80 {
                term = multiply(&term, &skew).iter().map(|t| t / f64::from(k)).collect();
                sum.iter_mut().zip(&term).for_each(|(s, t)| *s += t);
            }
            sum
        }
        Map::Cayley => {
            // Gauss and Jordan on (I − A/2 | I + A/2).
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

fn fixtures() -> PathBuf {
    std::env::var_os("INTERVENE_FIXTURES")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pyvene"), PathBuf::from)
}

/// PyTorch's own matrices, of all families that are there.
#[test]
fn square_and_tall_parametrisations_equal_pytorch() {
    let device = Device::flex();
    let mut seen = 0;
    for family in std::fs::read_dir(fixtures()).unwrap() {
        let path = family.unwrap().path().join("cases.safetensors");
        let Ok(bytes) = std::fs::read(&path) else { continue };
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let tensor = |name: &str| {
            let view = file.tensor(name).unwrap();
            let values = view.data().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
            Tensor::<2>::from_data(TensorData::new::<f32, _>(values, [view.shape()[0], view.shape()[1]]), &device)
        };
        let layers = file.names().into_iter().filter_map(|name| {
            if let Some(stem) = name.strip_suffix("rotate_layer.original") {
                return Some((
                    format!("{stem}rotate_layer.original"),
                    format!("{stem}rotate_layer.base"),
                    format!("{stem}rotate_layer.weight"),
                ));
            }
            let stem = name.strip_suffix("rotate_layer.weight").filter(|stem| stem.ends_with("final/"))?;
            let inner = format!("{stem}rotate_layer.parametrizations.weight");
            Some((format!("{inner}.original"), format!("{inner}.0.base"), name.to_owned()))
        });
        for (original, base, weight) in layers {
            let original = tensor(&original);
            let [width, rank] = original.dims();
            let rotation = Rotation::parametrised(Map::default_for(width, rank), original, tensor(&base), &device);
            let difference = distance(&rotation.matrix(), &tensor(&weight));
            assert!(difference < 1e-5, "{}: {weight}: {difference}", path.display());
            seen += 1;
        }
    }
    println!("{seen} rotations");
    assert!(seen > 0, "no rotations found");
}

/// Few rows go term by term, many meet R whole: either way the value is R's and the gradient is the Euclidean one,
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

/// One step of the optimiser, at a given learning rate, on whatever gradients.
fn steps<const D: usize>(
    mut r: Tensor<D>,
    lr: f64,
    count: usize,
    mut gradient: impl FnMut(&Tensor<D>) -> Tensor<D>,
) -> Tensor<D> {
    let optimiser = StiefelAdam::default();
    let mut state = None;
    for _ in 0..count {
        let g = gradient(&r);
        (r, state) = optimiser.step(lr, r, g, state);
    }
    r
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

/// What the gradients of a step look like.
#[derive(Clone, Copy, Debug)]
enum Gradients {
    /// Of full rank.
    Full,
    /// Of rank one, whose first directions have the largest singular values there can be.
    RankOne,
    /// Always the same: the search converges, and what is left is rounding, blown up by Adam.
    Constant,
    /// None.
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
fn a_batch_of_rotations_moves_as_its_members() {
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

/// A rotation beside another parameter, for optimisers with groups.
#[derive(Module, Debug)]
struct Pair {
    rotation: Rotation,
    scale: Param<Tensor<1>>,
}

fn procrustes(pair: &Pair, rows: &Tensor<2>, target: &Tensor<2>) -> Tensor<1> {
    let rotated = Tensor::from_inner(rows.clone()).matmul(pair.rotation.matrix());
    (rotated * pair.scale.val().unsqueeze() - Tensor::from_inner(target.clone())).square().mean()
}

/// Finds a hidden rotation and a scale from rows and their images, on the manifold and by every map.
#[test]
fn procrustes_is_solved_in_every_way() {
    let plain = Device::flex();
    let tracked = plain.clone().autodiff();
    for map in [None].into_iter().chain(Map::ALL.map(Some)) {
        for (width, rank) in [(8, 8), (12, 3)] {
            let mut rng = rng(19);
            let rows = uniform([64, width], 1.0, &mut rng, &plain);
            let start = orthogonal::random(width, rank, &mut rng, &plain);
            // Near enough that no map has to leave its component.
            let hidden = steps(start.clone(), 0.05, 10, |_| uniform([width, rank], 1.0, &mut rng, &plain));
            let target = rows.clone().matmul(hidden).mul_scalar(2.0);
            let mut pair = Pair {
                rotation: Rotation::from_matrix(map, start, &tracked),
                scale: Param::from_tensor(Tensor::ones([1], &tracked)),
            };
            let mut optimiser = ModuleOptimizer::from(AdamWConfig::new().with_weight_decay(0.0).build()).with_group(
                ParamGroup::from_predicate("stiefel"),
                StiefelAdam::default(),
                None,
            );
            let first: f32 = procrustes(&pair, &rows, &target).into_scalar();
            for _ in 0..400 {
                let gradients = procrustes(&pair, &rows, &target).backward();
                let gradients = GradientsParams::from_grads(gradients, &pair);
                pair = optimiser.step(0.01, pair, gradients);
            }
            let last: f32 = procrustes(&pair, &rows, &target).into_scalar();
            let error = orthogonal::error(&pair.rotation.matrix().inner());
            println!("{map:?} {width} x {rank}: {first:.3} -> {last:.1e}, error {error:.1e}");
            assert!(last < 1e-3 * first, "{map:?} {width} x {rank}: {first} -> {last}");
            assert!(error < 1e-5, "{map:?} {width} x {rank}: {error}");
        }
    }
}

/// The optimiser's state goes through bytes, and training goes on as if nothing had happened.
#[test]
fn the_optimisers_state_is_saved_and_loaded() {
    let plain = Device::flex();
    let tracked = plain.clone().autodiff();
    let mut rng = rng(23);
    let rows = uniform([16, 6], 1.0, &mut rng, &plain);
    let target = uniform([16, 6], 1.0, &mut rng, &plain);
    let mut pair = Pair {
        rotation: Rotation::manifold(orthogonal::random(6, 6, &mut rng, &plain), &tracked),
        scale: Param::from_tensor(Tensor::ones([1], &tracked)),
    };
    let fresh = || {
        ModuleOptimizer::from(AdamWConfig::new().build()).with_group(
            ParamGroup::from_predicate("stiefel"),
            StiefelAdam::default(),
            None,
        )
    };
    let step = |optimiser: &mut ModuleOptimizer, pair: Pair| {
        let gradients = GradientsParams::from_grads(procrustes(&pair, &rows, &target).backward(), &pair);
        optimiser.step(0.02, pair, gradients)
    };
    let mut optimiser = fresh();
    for _ in 0..5 {
        pair = step(&mut optimiser, pair);
    }
    let mut loaded = fresh().from_bytes(optimiser.into_bytes().unwrap()).unwrap();
    let kept = step(&mut optimiser, pair.clone()).rotation.matrix().inner();
    assert_eq!(values(&kept), values(&step(&mut loaded, pair.clone()).rotation.matrix().inner()));
    // Without its state it would have gone elsewhere.
    assert!(distance(&kept, &step(&mut fresh(), pair).rotation.matrix().inner()) > 1e-4);
}

/// R is what is saved: the same bits come back, on the manifold and through every map.
#[test]
fn saved_and_loaded_bits_are_the_same() {
    let plain = Device::flex();
    let tracked = plain.clone().autodiff();
    for (width, rank) in [(24, 24), (24, 5)] {
        let mut rng = rng(29);
        let r = orthogonal::random(width, rank, &mut rng, &plain);
        let r = steps(r, 1e-2, 20, |_| uniform([width, rank], 1.0, &mut rng, &plain));
        let rotation = Rotation::manifold(r.clone(), &tracked);
        let bytes: Vec<u8> = values(&rotation.matrix().inner()).iter().flat_map(|x| x.to_le_bytes()).collect();
        let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![width, rank], &bytes).unwrap();
        let file = safetensors::serialize([("r", view)], None).unwrap();
        let read = SafeTensors::deserialize(&file).unwrap();
        let read = read.tensor("r").unwrap().data().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap()));
        let read = Tensor::<2>::from_data(TensorData::new(read.collect::<Vec<_>>(), [width, rank]), &plain);
        for map in [None].into_iter().chain(Map::ALL.map(Some)) {
            let loaded = Rotation::from_matrix(map, read.clone(), &tracked);
            assert_eq!(loaded.map_kind(), map);
            assert_eq!(values(&loaded.matrix().inner()), values(&r), "{map:?} {width} x {rank}");
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
