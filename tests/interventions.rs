//! Every intervention computes pyvene's formula, and its parameters' gradients are right.

use std::collections::BTreeMap;
use std::path::PathBuf;

use burn::module::ParamGroup;
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::{DType, Device, Tensor, TensorData};
use intervene::interventions::{
    AnyIntervention, Intervention, Kind, NamedTensors, Needs, RotatedSpace, Subspace, SubspacePartition, Temperature,
    constant_source,
};
use intervene::orthogonal::{self, Map, Rotation, StiefelAdam};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use safetensors::SafeTensors;

const BATCH: usize = 3;
const UNITS: usize = 2;
const WIDTH: usize = 8;

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

fn numbers(count: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
    (0..count).map(|_| 2.0 * rng.random::<f32>() - 1.0).collect()
}

fn rows(seed: u64) -> Tensor<3> {
    let values = numbers(BATCH * UNITS * WIDTH, &mut rng(seed));
    Tensor::from_data(TensorData::new(values, [BATCH, UNITS, WIDTH]), &Device::flex())
}

fn values<const D: usize>(tensor: &Tensor<D>) -> Vec<f64> {
    tensor.to_data_dtype(DType::F64).try_to_vec::<f64>().unwrap()
}

/// A matrix in f64, as its rows.
type Matrix = Vec<Vec<f64>>;

fn matrix(data: &TensorData) -> Matrix {
    let [_, columns] = data.shape()[..] else { panic!("a matrix has two dimensions") };
    data.iter::<f64>().collect::<Vec<_>>().chunks(columns).map(<[f64]>::to_vec).collect()
}

fn vector(data: &TensorData) -> Vec<f64> {
    data.iter::<f64>().collect()
}

fn transposed(m: &Matrix) -> Matrix {
    (0..m[0].len()).map(|j| m.iter().map(|row| row[j]).collect()).collect()
}

/// A row times a matrix.
fn product(row: &[f64], m: &Matrix) -> Vec<f64> {
    assert_eq!(row.len(), m.len());
    (0..m[0].len()).map(|j| row.iter().zip(m).map(|(x, mrow)| x * mrow[j]).sum()).collect()
}

fn zip(a: &[f64], b: &[f64], f: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(x, y)| f(*x, *y)).collect()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// pyvene's `base[columns] = source[columns]`.
fn swapped(base: &[f64], source: &[f64], columns: &[usize]) -> Vec<f64> {
    let mut swapped = base.to_vec();
    columns.iter().for_each(|&column| swapped[column] = source[column]);
    swapped
}

/// The output against a function of (example, unit, base row, source row).
fn check(
    name: &str,
    output: &Tensor<3>,
    base: &Tensor<3>,
    source: &Tensor<3>,
    expected: impl Fn(usize, usize, &[f64], &[f64]) -> Vec<f64>,
) {
    assert_eq!(output.dims(), base.dims(), "{name}");
    let (output, base, source) = (values(output), values(base), values(source));
    for n in 0..BATCH * UNITS {
        let row = n * WIDTH..(n + 1) * WIDTH;
        let expected = expected(n / UNITS, n % UNITS, &base[row.clone()], &source[row.clone()]);
        for (a, b) in output[row].iter().zip(&expected) {
            assert!((a - b).abs() < 2e-6 * (1.0 + b.abs()), "{name}: {a} is not {b}");
        }
    }
}

fn data<const D: usize>(shape: [usize; D], rng: &mut ChaCha8Rng) -> TensorData {
    TensorData::new(numbers(shape.iter().product(), rng), shape)
}

/// Random tensors of a kind, under pyvene's names.
fn tensors(kind: Kind, seed: u64) -> NamedTensors {
    let device = Device::flex();
    let rng = &mut rng(seed);
    let mut tensors = NamedTensors::new();
    let mut put = |name: &str, data: TensorData| tensors.insert(name.to_owned(), data);
    let rank = if matches!(kind, Kind::LowRankRotatedSpace | Kind::Loreft) { 5 } else { WIDTH };
    if matches!(
        kind,
        Kind::RotatedSpace
            | Kind::LowRankRotatedSpace
            | Kind::BoundlessRotatedSpace
            | Kind::SigmoidMaskRotatedSpace
            | Kind::Loreft
    ) {
        put("rotate_layer.weight", orthogonal::random(WIDTH, rank, rng, &device).into_data());
    }
    let scalar = |x: f32| TensorData::new(vec![x], [0_usize; 0]);
    match kind {
        Kind::BoundlessRotatedSpace => {
            put("intervention_boundaries", TensorData::from([0.4_f32]));
            put("temperature", scalar(1.5));
        }
        Kind::SigmoidMask => {
            put("mask", data([WIDTH], rng));
            put("temperature", scalar(0.7));
        }
        Kind::SigmoidMaskRotatedSpace => {
            put("masks", data([WIDTH], rng));
            put("temperature", scalar(0.7));
        }
        Kind::Loreft => {
            put("learned_source.weight", data([rank, WIDTH], rng));
            put("learned_source.bias", data([rank], rng));
        }
        Kind::PcaRotatedSpace => {
            put("pca_components", orthogonal::random(WIDTH, 6, rng, &device).transpose().into_data());
            put("pca_mean", data([WIDTH], rng));
            put(
                "pca_std",
                TensorData::new(numbers(WIDTH, rng).iter().map(|x| x.abs() + 0.5).collect::<Vec<_>>(), [WIDTH]),
            );
        }
        Kind::Noise => {
            put("noise", data([1, UNITS, WIDTH], rng));
            put("noise_level", scalar(0.25));
        }
        Kind::JumpReluAutoencoder => {
            put("W_enc", data([WIDTH, 12], rng));
            put("W_dec", data([12, WIDTH], rng));
            put("threshold", TensorData::new(numbers(12, rng).iter().map(|x| x.abs()).collect::<Vec<_>>(), [12]));
            put("b_enc", data([12], rng));
            put("b_dec", data([WIDTH], rng));
        }
        Kind::Autoencoder => {
            put("autoencoder.encoder.0.weight", data([12, WIDTH], rng));
            put("autoencoder.encoder.0.bias", data([12], rng));
            put("autoencoder.decoder.0.weight", data([WIDTH, 12], rng));
            put("autoencoder.decoder.0.bias", data([WIDTH], rng));
        }
        _ => {}
    }
    tensors
}

/// pyvene's formula (of LoReFT pyreft's) for one row, `columns` being the example's subspace.
fn pyvene(
    kind: Kind,
    t: &NamedTensors,
    unit: usize,
    base: &[f64],
    source: &[f64],
    columns: Option<&[usize]>,
) -> Vec<f64> {
    let of = |n: usize| columns.map_or_else(|| (0..n).collect(), <[usize]>::to_vec);
    let soft = |mask: &[f64]| -> Vec<f64> {
        let r = matrix(&t["rotate_layer.weight"]);
        let (b, s) = (product(base, &r), product(source, &r));
        let mixed: Vec<f64> = (0..b.len()).map(|i| (1.0 - mask[i]) * b[i] + mask[i] * s[i]).collect();
        product(&mixed, &transposed(&r))
    };
    match kind {
        Kind::Vanilla | Kind::Skip => swapped(base, source, &of(WIDTH)),
        Kind::Zero => swapped(base, &[0.0; WIDTH], &of(WIDTH)),
        Kind::Collect => base.to_vec(),
        Kind::Addition => swapped(base, &zip(base, source, |b, s| b + s), &of(WIDTH)),
        Kind::Subtraction => swapped(base, &zip(base, source, |b, s| b - s), &of(WIDTH)),
        Kind::Noise => {
            let noise = &vector(&t["noise"])[unit * WIDTH..(unit + 1) * WIDTH];
            let level = vector(&t["noise_level"])[0];
            swapped(base, &zip(base, noise, |b, n| b + level * n), &of(WIDTH))
        }
        Kind::RotatedSpace => {
            let r = matrix(&t["rotate_layer.weight"]);
            product(&swapped(&product(base, &r), &product(source, &r), &of(WIDTH)), &transposed(&r))
        }
        Kind::LowRankRotatedSpace => {
            let r = matrix(&t["rotate_layer.weight"]);
            let difference = zip(&product(source, &r), &product(base, &r), |s, b| s - b);
            let kept = swapped(&vec![0.0; difference.len()], &difference, &of(difference.len()));
            zip(base, &product(&kept, &transposed(&r)), |b, d| b + d)
        }
        Kind::Loreft => {
            let (r, w) = (matrix(&t["rotate_layer.weight"]), matrix(&t["learned_source.weight"]));
            let aim = zip(&product(base, &transposed(&w)), &vector(&t["learned_source.bias"]), |x, b| x + b);
            let difference = zip(&aim, &product(base, &r), |a, b| a - b);
            let kept = swapped(&vec![0.0; difference.len()], &difference, &of(difference.len()));
            zip(base, &product(&kept, &transposed(&r)), |b, d| b + d)
        }
        Kind::BoundlessRotatedSpace => {
            let (boundary, t) = (vector(&t["intervention_boundaries"])[0], vector(&t["temperature"])[0]);
            let end = boundary.clamp(1e-3, 1.0) * WIDTH as f64;
            soft(&(0..WIDTH).map(|i| sigmoid(i as f64 / t) * sigmoid((end - i as f64) / t)).collect::<Vec<_>>())
        }
        Kind::SigmoidMaskRotatedSpace => {
            let temperature = vector(&t["temperature"])[0];
            soft(&vector(&t["masks"]).iter().map(|m| sigmoid(m / temperature)).collect::<Vec<_>>())
        }
        Kind::SigmoidMask => {
            let temperature = vector(&t["temperature"])[0];
            let mask: Vec<f64> = vector(&t["mask"]).iter().map(|m| sigmoid(m / temperature)).collect();
            (0..WIDTH).map(|i| (1.0 - mask[i]) * base[i] + mask[i] * source[i]).collect()
        }
        Kind::PcaRotatedSpace => {
            let (c, mean, std) = (matrix(&t["pca_components"]), vector(&t["pca_mean"]), vector(&t["pca_std"]));
            let encode =
                |row: &[f64]| product(&zip(&zip(row, &mean, |x, m| x - m), &std, |x, s| x / s), &transposed(&c));
            let z = swapped(&encode(base), &encode(source), &of(c.len()));
            zip(&zip(&product(&z, &c), &std, |x, s| x * s), &mean, |x, m| x + m)
        }
        Kind::JumpReluAutoencoder => {
            let (threshold, b_enc) = (vector(&t["threshold"]), vector(&t["b_enc"]));
            let encode = |row: &[f64]| {
                let before = zip(&product(row, &matrix(&t["W_enc"])), &b_enc, |x, b| x + b);
                zip(&before, &threshold, |x, t| if x > t { x.max(0.0) } else { 0.0 })
            };
            let z = swapped(&encode(base), &encode(source), &of(WIDTH));
            zip(&product(&z, &matrix(&t["W_dec"])), &vector(&t["b_dec"]), |x, b| x + b)
        }
        Kind::Autoencoder => {
            let (b_enc, b_dec) = (vector(&t["autoencoder.encoder.0.bias"]), vector(&t["autoencoder.decoder.0.bias"]));
            let encode = |row: &[f64]| {
                let centred = zip(row, &b_dec, |x, b| x - b);
                let before = product(&centred, &transposed(&matrix(&t["autoencoder.encoder.0.weight"])));
                zip(&before, &b_enc, |x, b| (x + b).max(0.0))
            };
            let columns = columns.map_or_else(|| vec![WIDTH], <[usize]>::to_vec);
            let z = swapped(&encode(base), &encode(source), &columns);
            zip(&product(&z, &transposed(&matrix(&t["autoencoder.decoder.0.weight"]))), &b_dec, |x, b| x + b)
        }
    }
}

#[test]
fn every_intervention_is_pyvenes() {
    let device = Device::flex();
    let (base, source) = (rows(1), rows(2));
    for kind in Kind::ALL {
        let tensors = tensors(kind, 3);
        for map in [None].into_iter().chain(Map::ALL.map(Some)) {
            let one = AnyIntervention::from_tensors(kind, &tensors, map, &device).unwrap();
            assert_eq!(one.kind(), kind);
            let output = one.forward(base.clone(), source.clone());
            check(kind.name(), &output, &base, &source, |_, unit, b, s| pyvene(kind, &tensors, unit, b, s, None));
        }
    }
}

/// Lists of unequal lengths, one for each example, and one of them empty.
#[test]
fn subspaces_may_differ_from_example_to_example() {
    let device = Device::flex();
    let (base, source) = (rows(4), rows(5));
    let lists = vec![vec![3], vec![], vec![4, 0, 1]];
    let subspace = Subspace::PerExample(lists.clone());
    // pyvene's soft masks know no subspaces.
    let soft = [Kind::BoundlessRotatedSpace, Kind::SigmoidMask, Kind::SigmoidMaskRotatedSpace];
    for kind in Kind::ALL.into_iter().filter(|kind| !soft.contains(kind)) {
        let tensors = tensors(kind, 6);
        let one = AnyIntervention::from_tensors(kind, &tensors, None, &device).unwrap();
        let mask = subspace.mask(one.space(WIDTH), BATCH, &device).unwrap();
        let output = one.edit(base.clone(), source.clone(), Some(mask));
        check(kind.name(), &output, &base, &source, |example, unit, b, s| {
            pyvene(kind, &tensors, unit, b, s, Some(&lists[example]))
        });
        // All of the columns is what a mask of ones is.
        let all = Subspace::Same((0..one.space(WIDTH)).collect());
        let output = one.edit(base.clone(), source.clone(), Some(all.mask(one.space(WIDTH), 1, &device).unwrap()));
        check(kind.name(), &output, &base, &source, |_, unit, b, s| {
            pyvene(kind, &tensors, unit, b, s, Some(&(0..one.space(WIDTH)).collect::<Vec<_>>()))
        });
    }
}

/// With a soft mask, the subspace's columns have the soft mask and the others are the base's.
#[test]
fn a_subspace_of_a_soft_mask_keeps_the_rest() {
    let device = Device::flex();
    let (base, source) = (rows(7), rows(8));
    for kind in [Kind::BoundlessRotatedSpace, Kind::SigmoidMask, Kind::SigmoidMaskRotatedSpace] {
        let one = AnyIntervention::from_tensors(kind, &tensors(kind, 9), None, &device).unwrap();
        let part = |columns: Vec<usize>| {
            let mask = Subspace::Same(columns).mask(WIDTH, BATCH, &device).unwrap();
            one.edit(base.clone(), source.clone(), Some(mask)) - base.clone()
        };
        let whole = one.forward(base.clone(), source.clone());
        let parts = base.clone() + part(vec![0, 5]) + part(vec![1, 2, 3, 4, 6, 7]);
        let distance = (whole - parts).abs().max().into_scalar::<f32>();
        assert!(distance < 1e-6, "{kind}: {distance}");
        assert!(part(vec![]).abs().max().into_scalar::<f32>() == 0.0, "{kind}");
        assert!(part(vec![0, 5]).abs().max().into_scalar::<f32>() > 1e-3, "{kind}");
    }
}

#[test]
fn several_sources_share_a_rotation() {
    let device = Device::flex();
    let (base, first, second) = (rows(10), rows(11), rows(12));
    for rank in [WIDTH, 6] {
        let r = orthogonal::random(WIDTH, rank, &mut rng(13), &device);
        let space = RotatedSpace::new(Rotation::manifold(r.clone(), &device));
        let parts = SubspacePartition::ranges([0..4, 4..6]);
        let by_range = space.interchange(base.clone(), &[(first.clone(), 0..4), (second.clone(), 4..6)]);
        let mask = |part: usize| parts.same(&[part]).unwrap().mask(rank, BATCH, &device).unwrap();
        let by_mask = space.swap(base.clone(), &[(first.clone(), mask(0)), (second.clone(), mask(1))]);
        let r = matrix(&r.into_data());
        let (second_rows, n) = (values(&second), std::cell::Cell::new(0));
        let expected = |_: usize, _: usize, b: &[f64], s: &[f64]| {
            let other = &second_rows[n.get() * WIDTH..(n.get() + 1) * WIDTH];
            n.set((n.get() + 1) % (BATCH * UNITS));
            let z = swapped(&product(b, &r), &product(s, &r), &[0, 1, 2, 3]);
            let z = swapped(&z, &product(other, &r), &[4, 5]);
            let difference = zip(&z, &product(b, &r), |z, b| z - b);
            zip(b, &product(&difference, &transposed(&r)), |b, d| b + d)
        };
        check("interchange", &by_range, &base, &first, expected);
        check("swap", &by_mask, &base, &first, expected);
        assert_eq!(values(&space.interchange(base.clone(), &[])), values(&base));
        assert_eq!(values(&space.swap(base.clone(), &[])), values(&base));

        // Example 0 swaps the first part, 1 the second, 2 both.
        let only = |members: [Vec<usize>; 3]| parts.per_example(&members).unwrap().mask(rank, BATCH, &device).unwrap();
        let mixed = space.swap(
            base.clone(),
            &[(first.clone(), only([vec![0], vec![], vec![0]])), (second.clone(), only([vec![], vec![1], vec![1]]))],
        );
        let alone = [
            space.interchange(base.clone(), &[(first.clone(), 0..4)]),
            space.interchange(base.clone(), &[(second.clone(), 4..6)]),
            by_range,
        ];
        for (example, alone) in alone.into_iter().enumerate() {
            let difference = (mixed.clone() - alone).slice([example..example + 1, 0..UNITS, 0..WIDTH]).abs().max();
            assert!(difference.into_scalar::<f32>() < 1e-6, "example {example}");
        }
    }
}

/// The parameters other than R against central differences of pyvene's formula.
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

/// A search goes down, every parameter moves, R stays orthonormal: groups find their parameters in the closed set.
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
                // Under pyvene's even mask every R does the same: start where it has begun to differ.
                one = AnyIntervention::from_tensors(kind, &tensors(kind, 35), map, &tracked).unwrap();
            }
            if let Some(temperature) = one.temperature_mut() {
                *temperature = Temperature::new(2.0, 1.0);
            }
            let (base, source) = (rows(19), rows(20));
            // What an exchange of three hidden directions makes of the base; a mask over coordinates finds coordinates.
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
                assert_ne!(vector(&after), vector(&before[&name]), "{kind} {map:?}: {name} stayed");
            }
            if let Some(rotation) = one.rotation() {
                let error = orthogonal::error(&rotation.matrix());
                assert!(error < 1e-5, "{kind} {map:?}: {error}");
            }
        }
    }
}

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
        // Cold, the soft mask is the hard one, but for the half of the very first column and an edge on a column.
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
fn the_mask_stays_finite_when_cold() {
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

/// Tensors go in and come out with the same bits, and pyvene's `state_dict` gives the same R.
#[test]
fn tensors_go_both_ways() {
    let device = Device::flex();
    for kind in Kind::ALL {
        let tensors = tensors(kind, 30);
        let one = AnyIntervention::from_tensors(kind, &tensors, None, &device).unwrap();
        let back = one.to_tensors();
        assert_eq!(back.keys().collect::<Vec<_>>(), tensors.keys().collect::<Vec<_>>(), "{kind}");
        for (name, data) in &tensors {
            assert_eq!(back[name].shape(), data.shape(), "{kind}: {name}");
            assert_eq!(vector(&back[name]), vector(data), "{kind}: {name}");
        }
        let state = one.to_pyvene();
        assert_eq!(state.contains_key("rotate_layer.parametrizations.weight.original"), one.rotation().is_some());
        let again = AnyIntervention::from_tensors(kind, &state, None, &device).unwrap().to_tensors();
        for (name, data) in &tensors {
            assert_eq!(vector(&again[name]), vector(data), "{kind}: {name} through pyvene's names");
        }
    }
}

/// All weights of the fixtures, with R as PyTorch has it, through R and through PyTorch's parametrisation.
#[test]
fn pyvenes_weights_load() {
    let device = Device::flex();
    let folder = std::env::var_os("INTERVENE_FIXTURES")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pyvene"), PathBuf::from);
    let mut seen = BTreeMap::<Kind, usize>::new();
    for family in std::fs::read_dir(folder).unwrap() {
        let Ok(bytes) = std::fs::read(family.unwrap().path().join("cases.safetensors")) else { continue };
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let mut groups = BTreeMap::<(Kind, String), NamedTensors>::new();
        for (name, view) in file.tensors() {
            let Some([class, size, name]) = name.strip_prefix("w/").map(|name| {
                let mut parts = name.splitn(3, '/');
                [(); 3].map(|()| parts.next().unwrap().to_owned())
            }) else {
                continue;
            };
            let class = match class.as_str() {
                "JumpReLU" => "JumpReLUAutoencoder".to_owned(),
                "PCA" => "PCARotatedSpace".to_owned(),
                rotated if rotated.ends_with("Rotated") => format!("{rotated}Space"),
                other => other.to_owned(),
            };
            let kind: Kind = format!("{class}Intervention").parse().unwrap();
            if view.dtype() == safetensors::Dtype::F32 {
                let values = view.data().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap()));
                let data = TensorData::new(values.collect::<Vec<_>>(), view.shape().to_vec());
                groups.entry((kind, size)).or_default().insert(name, data);
            }
        }
        for ((kind, size), tensors) in groups {
            let weight = tensors.get("rotate_layer.weight").map(vector);
            for map in
                [None, tensors.get("rotate_layer.original").map(|x| Map::default_for(x.shape()[0], x.shape()[1]))]
            {
                let one = AnyIntervention::from_tensors(kind, &tensors, map, &device).unwrap();
                assert_eq!(one.kind(), kind, "{size}");
                let (Some(rotation), Some(weight)) = (one.rotation(), &weight) else { continue };
                let r = values(&rotation.matrix());
                let distance = r.iter().zip(weight).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                assert!(distance < if map.is_none() { 1e-30 } else { 1e-5 }, "{kind} {size}: {distance}");
                assert!(orthogonal::error(&rotation.matrix()) < 1e-5, "{kind} {size}");
            }
            *seen.entry(kind).or_default() += 1;
        }
    }
    println!("{seen:?}");
    assert!(!seen.is_empty(), "no weights found");
}

#[test]
fn collecting_takes_columns_in_their_order() {
    let AnyIntervention::Collect(collect) =
        AnyIntervention::fresh(Kind::Collect, WIDTH, None, None, &mut rng(31), &Device::flex()).unwrap()
    else {
        panic!("collect")
    };
    let base = rows(32);
    assert_eq!(values(&collect.collect(base.clone(), None).unwrap()), values(&base));
    let lists = [vec![5, 0], vec![1, 7], vec![2, 2]];
    let taken = collect.collect(base.clone(), Some(&Subspace::PerExample(lists.to_vec()))).unwrap();
    assert_eq!(taken.dims(), [BATCH, UNITS, 2]);
    let all = values(&base);
    let expected = (0..BATCH * UNITS).flat_map(|n| lists[n / UNITS].iter().map(move |c| (n, *c)));
    assert_eq!(values(&taken), expected.map(|(n, c)| all[n * WIDTH + c]).collect::<Vec<_>>());
    let unequal = Subspace::PerExample(vec![vec![1], vec![], vec![2]]);
    assert!(collect.collect(base, Some(&unequal)).unwrap_err().to_string().contains("unequal sizes"));
}

#[test]
fn pairs_of_a_partition_are_ranges_as_in_pyvene() {
    let partition = SubspacePartition::pyvene(&[vec![0, 3], vec![3, 4, 6], vec![7, 8]]);
    assert_eq!(partition.parts(), [vec![0, 1, 2], vec![3, 4, 6], vec![7]]);
    assert_eq!(partition.same(&[2, 0]).unwrap(), Subspace::Same(vec![7, 0, 1, 2]));
    assert!(partition.same(&[3]).unwrap_err().to_string().contains("no part 3"));
}

#[test]
fn constant_sources_are_rows() {
    let device = Device::flex();
    let constant = Tensor::<1>::from_data([1.0_f32, -2.0, 0.5], &device);
    let source = constant_source(&constant, [2, 2, 3]).unwrap();
    assert_eq!(values(&source), [1.0, -2.0, 0.5].repeat(4));
    assert!(constant_source(&constant, [2, 2, 4]).unwrap_err().to_string().contains("width 3 for rows of width 4"));
    let broken = Tensor::<1>::from_data([1.0, f32::NAN, 0.5], &device);
    assert!(constant_source(&broken, [2, 2, 3]).unwrap_err().to_string().contains("NaN"));
}

/// What is wrong is said in words.
#[test]
fn bad_tensors_are_refused() {
    let device = Device::flex();
    let refused = |kind: Kind, name: &str, data: Option<TensorData>, words: &str| {
        let mut tensors = tensors(kind, 33);
        match data {
            Some(data) => tensors.insert(name.to_owned(), data),
            None => tensors.remove(name),
        };
        let message = AnyIntervention::from_tensors(kind, &tensors, None, &device).unwrap_err().to_string();
        assert!(message.contains(words) && message.contains(kind.name()), "{message}");
    };
    let zeros = |shape: &[usize]| TensorData::new(vec![0.0_f32; shape.iter().product()], shape.to_vec());
    refused(Kind::RotatedSpace, "rotate_layer.weight", None, "there is no `rotate_layer.weight`");
    refused(Kind::RotatedSpace, "rotate_layer.weight", Some(zeros(&[8, 8])), "not orthonormal");
    refused(Kind::RotatedSpace, "rotate_layer.weight", Some(zeros(&[4, 8])), "more columns than rows");
    refused(Kind::RotatedSpace, "rotate_layer.weight", Some(zeros(&[8])), "1 dimensions, not 2");
    refused(Kind::SigmoidMaskRotatedSpace, "masks", Some(zeros(&[7])), "shape [7], not [8]");
    refused(Kind::BoundlessRotatedSpace, "intervention_boundaries", Some(TensorData::from([f32::NAN])), "NaN");
    refused(Kind::BoundlessRotatedSpace, "temperature", Some(zeros(&[])), "above 0");
    refused(Kind::SigmoidMask, "temperature", Some(zeros(&[2])), "not one number");
    refused(Kind::JumpReluAutoencoder, "W_dec", Some(zeros(&[8, 12])), "shape [8, 12], not [12, 8]");
    refused(Kind::PcaRotatedSpace, "pca_std", Some(zeros(&[9])), "shape [9], not [8]");

    let fresh = |kind, rank| AnyIntervention::fresh(kind, WIDTH, rank, None, &mut rng(34), &device).map(|_| ());
    assert!(fresh(Kind::RotatedSpace, Some(9)).unwrap_err().to_string().contains("rank 9"));
    assert!(fresh(Kind::RotatedSpace, Some(0)).is_err());
    assert!(fresh(Kind::BoundlessRotatedSpace, Some(4)).unwrap_err().to_string().contains("full rank"));
    assert!(fresh(Kind::PcaRotatedSpace, None).unwrap_err().to_string().contains("must be given"));
    let mask = |subspace: Subspace| subspace.mask(WIDTH, BATCH, &device).unwrap_err().to_string();
    assert!(mask(Subspace::Same(vec![8])).contains("no column 8"));
    assert!(mask(Subspace::PerExample(vec![vec![0]; 2])).contains("2 subspaces for a batch of 3"));
}

#[test]
fn kinds_have_names() {
    for kind in Kind::ALL {
        assert_eq!(kind.name().parse::<Kind>().unwrap(), kind);
        assert_eq!(kind.pyvene().parse::<Kind>().unwrap(), kind);
        assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{kind}\""));
    }
    assert!("boundless_rotated_spce".parse::<Kind>().unwrap_err().to_string().contains("boundless_rotated_space"));
    assert_eq!(Kind::Skip.needs(), Needs::Input);
    assert_eq!(Kind::Zero.needs(), Needs::Nothing);
    assert_eq!(Kind::BoundlessRotatedSpace.needs(), Needs::Source);
}
