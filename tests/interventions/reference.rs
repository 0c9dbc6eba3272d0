//! pyvene's formulas (pyreft's for LoReFT) in f64, and random tensors for every kind.

use burn::tensor::{Device, Tensor, TensorData};
use intervene::interventions::{Kind, NamedTensors};
use intervene::orthogonal;
use rand_chacha::ChaCha8Rng;

use super::{BATCH, UNITS, WIDTH, numbers, rng, values};

/// A matrix in f64, as its rows.
pub type Matrix = Vec<Vec<f64>>;

pub fn matrix(data: &TensorData) -> Matrix {
    let [_, columns] = data.shape()[..] else { panic!("a matrix has two dimensions") };
    data.iter::<f64>().collect::<Vec<_>>().chunks(columns).map(<[f64]>::to_vec).collect()
}

pub fn vector(data: &TensorData) -> Vec<f64> {
    data.iter::<f64>().collect()
}

pub fn transposed(m: &Matrix) -> Matrix {
    (0..m[0].len()).map(|j| m.iter().map(|row| row[j]).collect()).collect()
}

/// A row times a matrix.
pub fn product(row: &[f64], m: &Matrix) -> Vec<f64> {
    assert_eq!(row.len(), m.len());
    (0..m[0].len()).map(|j| row.iter().zip(m).map(|(x, mrow)| x * mrow[j]).sum()).collect()
}

pub fn zip(a: &[f64], b: &[f64], f: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(x, y)| f(*x, *y)).collect()
}

pub fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// pyvene's `base[columns] = source[columns]`.
pub fn swapped(base: &[f64], source: &[f64], columns: &[usize]) -> Vec<f64> {
    let mut swapped = base.to_vec();
    columns.iter().for_each(|&column| swapped[column] = source[column]);
    swapped
}

/// Compares the output with a function of (example, unit, base row, source row).
pub fn check(
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

pub fn data<const D: usize>(shape: [usize; D], rng: &mut ChaCha8Rng) -> TensorData {
    TensorData::new(numbers(shape.iter().product(), rng), shape)
}

/// Random tensors of a kind, under pyvene's names.
pub fn tensors(kind: Kind, seed: u64) -> NamedTensors {
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

/// pyvene's formula (pyreft's for LoReFT) for one row; `columns` is the subspace of the example.
pub fn pyvene(
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
