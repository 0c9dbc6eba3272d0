//! Directions of activations for steering: differences in means, and principal components.

use std::path::Path;

use burn::tensor::{DType, Device, Tensor, TensorData, linalg};

use super::OpenedModel;
use super::collect_options::{CollectOptions, Collection, Direction, DirectionSize};
use super::rows::{ChosenSite, ReadyInput, RowReader, RowSink, chosen_sites};
use crate::error::Error;
use crate::hub;
use crate::report::Observer;
use crate::tensors::Tensors;

struct SiteDirections {
    /// The directions, the first component first, each `[width]`.
    directions: Vec<Vec<f64>>,
    /// The share of the rows' variance of each component; empty for a difference in means.
    shares: Vec<f64>,
}

/// Reads the inputs and writes the directions of each site into one safetensors file.
///
/// The tensor with a site's name, `[width]`, f32, is its direction or its first component. Further components are `SITE.1`,
/// `SITE.2` and so on, and `SITE.shares`, `[K]`, has the components' shares of the variance.
pub(super) fn write(
    direction: Direction,
    options: &CollectOptions,
    opened: &OpenedModel,
    observer: &mut dyn Observer,
) -> Result<Collection, Error> {
    let sites = chosen_sites(opened, &options.sites)?;
    if let Some(head) = sites.iter().find(|chosen| chosen.site.component.is_head()) {
        let whole = head.site.component.site();
        return Err(Error::Invalid(format!("{}: a direction needs whole rows: use {whole}", head.site)));
    }
    let mut read = |inputs: &Path, what: &str| {
        let inputs = &hub::data_file(inputs, observer)?;
        let reader = RowReader { opened, inputs, positions: &options.positions, batch: options.batch };
        let (examples, _) = reader.count()?;
        let mut rows = SiteRows(sites.iter().map(|chosen| (chosen.shape.width, Vec::new())).collect());
        observer.begin(what, examples);
        reader.run(&sites, &mut rows, observer)?;
        observer.end();
        Ok::<_, Error>(rows)
    };
    let positive = options.positive.as_deref().or(options.inputs.as_deref());
    let positive = positive.ok_or_else(|| Error::Invalid("--positive FILE is needed".to_owned()))?;
    let negative = options.negative.as_deref().map(|inputs| read(inputs, "negative")).transpose()?;
    let positive = read(positive, "positive")?;
    let mut tensors = Tensors::default();
    let mut sizes = Vec::new();
    for (at, ChosenSite { site, .. }) in sites.iter().enumerate() {
        let negative = negative.as_ref().map(|rows| rows.rows(at));
        let found =
            fit(direction, positive.rows(at), negative).map_err(|error| Error::Invalid(format!("{site}: {error}")))?;
        for (number, direction) in found.directions.iter().enumerate() {
            let name = if number == 0 { site.to_string() } else { format!("{site}.{number}") };
            tensors.insert(name, vector(direction, &opened.device));
        }
        if !found.shares.is_empty() {
            tensors.insert(format!("{site}.shares"), vector(&found.shares, &opened.device));
        }
        sizes.push((*site, size(found)));
    }
    tensors.write(&options.out)?;
    let rows = |rows: &SiteRows| rows.rows(0).len();
    let (positive, negative) = (rows(&positive), negative.as_ref().map(rows));
    Ok(Collection::Directions { sites: sizes, positive, negative })
}

fn size(directions: SiteDirections) -> DirectionSize {
    match directions.shares.is_empty() {
        true => DirectionSize::Length(dot(&directions.directions[0], &directions.directions[0]).sqrt()),
        false => DirectionSize::Shares(directions.shares),
    }
}

/// All rows of each site: the width, and the values row after row.
struct SiteRows(Vec<(usize, Vec<f64>)>);

impl SiteRows {
    fn rows(&self, at: usize) -> Vec<&[f64]> {
        let (width, numbers) = &self.0[at];
        numbers.chunks_exact(*width).collect()
    }
}

impl RowSink for SiteRows {
    fn begin(&mut self, _first: usize, _batch: &[ReadyInput]) -> Result<(), Error> {
        Ok(())
    }

    fn add_rows(&mut self, at: usize, rows: &[f32]) -> Result<(), Error> {
        self.0[at].1.extend(rows.iter().map(|value| f64::from(*value)));
        Ok(())
    }
}

/// The directions of rows `[rows][width]`.
fn fit(direction: Direction, positive: Vec<&[f64]>, negative: Option<Vec<&[f64]>>) -> Result<SiteDirections, Error> {
    match (direction, negative) {
        (Direction::DiffMeans, Some(negative)) => {
            let directions = vec![difference(&mean(&positive), &mean(&negative))];
            Ok(SiteDirections { directions, shares: Vec::new() })
        }
        (Direction::DiffMeans, None) => {
            Err(Error::Invalid("diff-means needs two files: --positive and --negative".to_owned()))
        }
        (Direction::Pca(count), Some(negative)) => {
            if positive.len() != negative.len() {
                return Err(Error::Invalid(format!(
                    "{} positive rows and {} negative rows: differences of pairs need the same number of both, line by line",
                    positive.len(),
                    negative.len()
                )));
            }
            let pairs: Vec<Vec<f64>> = positive.iter().zip(&negative).map(|(a, b)| difference(a, b)).collect();
            let towards = mean(&pairs.iter().map(Vec::as_slice).collect::<Vec<_>>());
            let mut found = components(&pairs, count)?;
            for component in &mut found.directions {
                let backwards = dot(component, &towards) < 0.0;
                negate_if(component, backwards);
            }
            Ok(found)
        }
        (Direction::Pca(count), None) => {
            let middle = mean(&positive);
            let centred: Vec<Vec<f64>> = positive.iter().map(|row| difference(row, &middle)).collect();
            let mut found = components(&centred, count)?;
            for component in &mut found.directions {
                let largest = component.iter().copied().fold(0.0, |a: f64, b| if b.abs() > a.abs() { b } else { a });
                negate_if(component, largest < 0.0);
            }
            Ok(found)
        }
    }
}

/// The right singular vectors of the rows, in descending order of singular values.
fn components(rows: &[Vec<f64>], count: usize) -> Result<SiteDirections, Error> {
    let (n, width) = (rows.len(), rows.first().map_or(0, Vec::len));
    if count > n.min(width) {
        return Err(Error::Invalid(format!("{n} rows of width {width} have fewer than {count} components")));
    }
    let matrix = Tensor::<2>::from_data(TensorData::new(rows.concat(), [n, width]), (&Device::flex(), DType::F64));
    let (_, values, vectors) = linalg::svd::<2, 1>(matrix, 100);
    let numbers = |data: TensorData| data.iter::<f64>().collect::<Vec<f64>>();
    let (values, vectors) = (numbers(values.into_data()), numbers(vectors.into_data()));
    let whole: f64 = values.iter().map(|value| value * value).sum();
    if whole == 0.0 {
        return Err(Error::Invalid("all rows are equal, so they have no principal component".to_owned()));
    }
    Ok(SiteDirections {
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

fn difference(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn negate_if(vector: &mut [f64], negate: bool) {
    if negate {
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
        // Columns with different variances and a mean other than zero.
        let entry = |column: usize, value: f64| 3.0 + value * (1.0 + column as f64);
        (0..count).map(|_| (0..width).map(|c| entry(c, rng.random_range(-1.0..1.0))).collect()).collect()
    }

    fn slices(rows: &[Vec<f64>]) -> Vec<&[f64]> {
        rows.iter().map(Vec::as_slice).collect()
    }

    #[test]
    fn diff_means_is_the_difference_of_the_means() {
        let (a, b) = (rows(0, 7, 3), rows(1, 5, 3));
        let found = fit(Direction::DiffMeans, slices(&a), Some(slices(&b))).unwrap();
        for column in 0..3 {
            let mean = |rows: &[Vec<f64>]| rows.iter().map(|row| row[column]).sum::<f64>() / rows.len() as f64;
            assert!((found.directions[0][column] - (mean(&a) - mean(&b))).abs() < 1e-12);
        }
        assert!(fit(Direction::DiffMeans, slices(&a), None).is_err());
    }

    /// The definition of principal components: C v = λ v with the covariance C, descending λ, orthonormal v.
    #[test]
    fn components_are_eigenvectors_of_the_covariance() {
        let (count, width) = (40, 6);
        let data = rows(2, count, width);
        let found = fit(Direction::Pca(3), slices(&data), None).unwrap();
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
        assert!(fit(Direction::Pca(7), slices(&data), None).is_err());
    }

    #[test]
    fn components_of_pairs_point_to_the_positive_side() {
        let negative = rows(3, 20, 4);
        let shift = [0.5, -8.0, 0.25, 0.0];
        let positive: Vec<Vec<f64>> =
            negative.iter().map(|row| row.iter().zip(shift).map(|(a, b)| a + b).collect()).collect();
        let found = fit(Direction::Pca(1), slices(&positive), Some(slices(&negative))).unwrap();
        let length = dot(&shift, &shift).sqrt();
        for (found, shift) in found.directions[0].iter().zip(shift) {
            assert!((found - shift / length).abs() < 1e-9, "{found} {shift}");
        }
        let turned = fit(Direction::Pca(1), slices(&negative), Some(slices(&positive))).unwrap();
        assert!((turned.directions[0][1] - 8.0 / length).abs() < 1e-9);
        assert!(fit(Direction::Pca(1), slices(&positive[1..]), Some(slices(&negative))).is_err());
    }
}
