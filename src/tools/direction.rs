//! Directions among activations, to steer with: differences in means, and principal components.

use std::path::Path;

use burn::tensor::{DType, Device, Tensor, TensorData, linalg};

use super::Opened;
use super::collect_options::{CollectOptions, Direction};
use super::rows::{Reading, Ready, Taker, Wanted, wanted};
use crate::error::Error;
use crate::report::Progress;
use crate::tensors::Tensors;

/// What is found of one site.
struct Found {
    /// The directions, the leading one first, each `[width]`.
    directions: Vec<Vec<f64>>,
    /// Of components, how much of the rows' variance each has.
    shares: Vec<f64>,
}

/// Reads the inputs and writes the directions of each site into one safetensors file.
///
/// A site's direction is a tensor of its name, `[width]`, f32, the leading component of several; the others are
/// `SITE.1`, `SITE.2` and so on, and `SITE.shares`, `[K]`, says which share of the variance each has.
pub(super) fn write(direction: Direction, options: &CollectOptions, opened: &Opened) -> Result<String, Error> {
    let wanted = wanted(opened, &options.sites)?;
    if let Some(head) = wanted.iter().find(|wanted| wanted.site.component.is_head()) {
        let whole = head.site.component.site();
        return Err(Error::Invalid(format!("{}: a direction is of whole rows: {whole}", head.site)));
    }
    let read = |inputs: &Path, what: &str| {
        let reading = Reading { opened, inputs, positions: &options.positions, batch: options.batch };
        let (examples, _) = reading.count()?;
        let mut kept = Kept(wanted.iter().map(|wanted| (wanted.shape.width, Vec::new())).collect());
        let mut progress = Progress::new(what, examples, options.quiet);
        reading.run(&wanted, &mut kept, &mut progress)?;
        progress.finish();
        Ok::<_, Error>(kept)
    };
    let positive = options.positive.as_deref().or(options.inputs.as_deref());
    let positive = positive.ok_or_else(|| Error::Invalid("--positive is needed: a file of inputs".to_owned()))?;
    let negative = options.negative.as_deref().map(|inputs| read(inputs, "negative")).transpose()?;
    let positive = read(positive, "positive")?;
    let mut tensors = Tensors::default();
    let mut said = Vec::new();
    for (at, Wanted { site, .. }) in wanted.iter().enumerate() {
        let negative = negative.as_ref().map(|kept| kept.rows(at));
        let found =
            find(direction, positive.rows(at), negative).map_err(|error| Error::Invalid(format!("{site}: {error}")))?;
        for (number, direction) in found.directions.iter().enumerate() {
            let name = if number == 0 { site.to_string() } else { format!("{site}.{number}") };
            tensors.insert(name, vector(direction, &opened.device));
        }
        if !found.shares.is_empty() {
            tensors.insert(format!("{site}.shares"), vector(&found.shares, &opened.device));
        }
        said.push(describe(&site.to_string(), &found));
    }
    tensors.write(&options.out)?;
    let rows = |kept: &Kept| kept.rows(0).len();
    let counts = match &negative {
        Some(negative) => format!("{} positive rows, {} negative ones", rows(&positive), rows(negative)),
        None => format!("{} rows", rows(&positive)),
    };
    said.push(format!("{}: {counts}", options.out.display()));
    Ok(said.join("\n"))
}

fn describe(site: &str, found: &Found) -> String {
    match &found.shares[..] {
        [] => format!("{site}: length {:.3}", dot(&found.directions[0], &found.directions[0]).sqrt()),
        shares => {
            let shares: Vec<String> = shares.iter().map(|share| format!("{:.1}%", 100.0 * share)).collect();
            format!("{site}: {} of the variance", shares.join(", "))
        }
    }
}

/// All rows of each site: its width, and the numbers row after row.
struct Kept(Vec<(usize, Vec<f64>)>);

impl Kept {
    fn rows(&self, at: usize) -> Vec<&[f64]> {
        let (width, numbers) = &self.0[at];
        numbers.chunks_exact(*width).collect()
    }
}

impl Taker for Kept {
    fn begin(&mut self, _first: usize, _batch: &[Ready]) -> Result<(), Error> {
        Ok(())
    }

    fn take(&mut self, at: usize, rows: &[f32]) -> Result<(), Error> {
        self.0[at].1.extend(rows.iter().map(|value| f64::from(*value)));
        Ok(())
    }
}

/// The directions among rows `[rows][width]`.
fn find(direction: Direction, positive: Vec<&[f64]>, negative: Option<Vec<&[f64]>>) -> Result<Found, Error> {
    match (direction, negative) {
        (Direction::DiffMeans, Some(negative)) => {
            let directions = vec![less(&mean(&positive), &mean(&negative))];
            Ok(Found { directions, shares: Vec::new() })
        }
        (Direction::DiffMeans, None) => {
            Err(Error::Invalid("a difference in means is of two files: --positive and --negative".to_owned()))
        }
        (Direction::Pca(count), Some(negative)) => {
            if positive.len() != negative.len() {
                return Err(Error::Invalid(format!(
                    "{} positive rows and {} negative ones: the differences of pairs need as many of each, line by line",
                    positive.len(),
                    negative.len()
                )));
            }
            let pairs: Vec<Vec<f64>> = positive.iter().zip(&negative).map(|(a, b)| less(a, b)).collect();
            let towards = mean(&pairs.iter().map(Vec::as_slice).collect::<Vec<_>>());
            let mut found = components(&pairs, count)?;
            for component in &mut found.directions {
                let backwards = dot(component, &towards) < 0.0;
                turn(component, backwards);
            }
            Ok(found)
        }
        (Direction::Pca(count), None) => {
            let middle = mean(&positive);
            let centred: Vec<Vec<f64>> = positive.iter().map(|row| less(row, &middle)).collect();
            let mut found = components(&centred, count)?;
            for component in &mut found.directions {
                let largest = component.iter().copied().fold(0.0, |a: f64, b| if b.abs() > a.abs() { b } else { a });
                turn(component, largest < 0.0);
            }
            Ok(found)
        }
    }
}

/// The right singular vectors of the rows, by falling singular values.
fn components(rows: &[Vec<f64>], count: usize) -> Result<Found, Error> {
    let (n, width) = (rows.len(), rows.first().map_or(0, Vec::len));
    if count > n.min(width) {
        return Err(Error::Invalid(format!("{n} rows of width {width} have no {count} components")));
    }
    let matrix = Tensor::<2>::from_data(TensorData::new(rows.concat(), [n, width]), (&Device::flex(), DType::F64));
    let (_, values, vectors) = linalg::svd::<2, 1>(matrix, 100);
    let numbers = |data: TensorData| data.iter::<f64>().collect::<Vec<f64>>();
    let (values, vectors) = (numbers(values.into_data()), numbers(vectors.into_data()));
    let whole: f64 = values.iter().map(|value| value * value).sum();
    if whole == 0.0 {
        return Err(Error::Invalid("the rows are all the same: they have no direction".to_owned()));
    }
    Ok(Found {
        directions: vectors.chunks_exact(width).take(count).map(<[f64]>::to_vec).collect(),
        shares: values.iter().take(count).map(|value| value * value / whole).collect(),
    })
}

fn mean(rows: &[&[f64]]) -> Vec<f64> {
    let mut sum = vec![0.0; rows.first().map_or(0, |row| row.len())];
    for row in rows {
        sum.iter_mut().zip(*row).for_each(|(sum, value)| *sum += value);
    }
    sum.iter().map(|sum| sum / rows.len() as f64).collect()
}

fn less(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn turn(vector: &mut [f64], round: bool) {
    if round {
        vector.iter_mut().for_each(|value| *value = -*value);
    }
}

fn vector(values: &[f64], device: &Device) -> Tensor<1> {
    let values: Vec<f32> = values.iter().map(|value| *value as f32).collect();
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count]), (device, DType::F32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn rows(seed: u64, count: usize, width: usize) -> Vec<Vec<f64>> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        // Columns of different spread and off the origin.
        let entry = |column: usize, value: f64| 3.0 + value * (1.0 + column as f64);
        (0..count).map(|_| (0..width).map(|c| entry(c, rng.random_range(-1.0..1.0))).collect()).collect()
    }

    fn slices(rows: &[Vec<f64>]) -> Vec<&[f64]> {
        rows.iter().map(Vec::as_slice).collect()
    }

    #[test]
    fn a_difference_in_means_is_that() {
        let (a, b) = (rows(0, 7, 3), rows(1, 5, 3));
        let found = find(Direction::DiffMeans, slices(&a), Some(slices(&b))).unwrap();
        for column in 0..3 {
            let mean = |rows: &[Vec<f64>]| rows.iter().map(|row| row[column]).sum::<f64>() / rows.len() as f64;
            assert!((found.directions[0][column] - (mean(&a) - mean(&b))).abs() < 1e-12);
        }
        assert!(find(Direction::DiffMeans, slices(&a), None).is_err());
    }

    /// What defines principal components: C v = λ v with the covariance C, λ falling, v orthonormal.
    #[test]
    fn components_are_eigenvectors_of_the_covariance() {
        let (count, width) = (40, 6);
        let data = rows(2, count, width);
        let found = find(Direction::Pca(3), slices(&data), None).unwrap();
        let mean: Vec<f64> = (0..width).map(|c| data.iter().map(|row| row[c]).sum::<f64>() / count as f64).collect();
        let covariance = |i: usize, j: usize| {
            data.iter().map(|row| (row[i] - mean[i]) * (row[j] - mean[j])).sum::<f64>() / (count - 1) as f64
        };
        let trace: f64 = (0..width).map(|i| covariance(i, i)).sum();
        for (v, share) in found.directions.iter().zip(&found.shares) {
            let value = share * trace;
            for i in 0..width {
                let image: f64 = (0..width).map(|j| covariance(i, j) * v[j]).sum();
                assert!((image - value * v[i]).abs() < 1e-9 * trace, "{image} is not {value} times {}", v[i]);
            }
            assert!((dot(v, v) - 1.0).abs() < 1e-12);
        }
        assert!(found.shares.windows(2).all(|two| two[0] >= two[1]), "{:?}", found.shares);
        assert!(dot(&found.directions[0], &found.directions[1]).abs() < 1e-12);
        assert!(find(Direction::Pca(7), slices(&data), None).is_err());
    }

    #[test]
    fn components_of_pairs_point_to_the_positive_side() {
        let negative = rows(3, 20, 4);
        let shift = [0.5, -8.0, 0.25, 0.0];
        let positive: Vec<Vec<f64>> =
            negative.iter().map(|row| row.iter().zip(shift).map(|(a, b)| a + b).collect()).collect();
        let found = find(Direction::Pca(1), slices(&positive), Some(slices(&negative))).unwrap();
        let length = dot(&shift, &shift).sqrt();
        for (found, shift) in found.directions[0].iter().zip(shift) {
            assert!((found - shift / length).abs() < 1e-9, "{found} {shift}");
        }
        let turned = find(Direction::Pca(1), slices(&negative), Some(slices(&positive))).unwrap();
        assert!((turned.directions[0][1] - 8.0 / length).abs() < 1e-9);
        assert!(find(Direction::Pca(1), slices(&positive[1..]), Some(slices(&negative))).is_err());
    }

    #[test]
    fn directions_are_written_so() {
        assert_eq!("diff-means".parse::<Direction>().unwrap(), Direction::DiffMeans);
        assert_eq!("pca:3".parse::<Direction>().unwrap(), Direction::Pca(3));
        for wrong in ["pca", "pca:0", "pca:x", "mean"] {
            assert!(wrong.parse::<Direction>().unwrap_err().to_string().contains("pca:K"), "{wrong}");
        }
    }
}
