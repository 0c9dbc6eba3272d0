//! Gram-Schmidt orthonormalisation and the orthogonality error, in f64 on the host.

use burn::tensor::{DType, Device, Tensor, TensorData};
use rand::{Rng, RngExt};
use rayon::prelude::*;

/// A matrix, stored by columns.
pub(super) struct Columns {
    width: usize,
    columns: Vec<Vec<f64>>,
}

impl Columns {
    /// Draws a `[width, rank]` matrix with standard Gaussian entries.
    pub fn gaussian(width: usize, rank: usize, rng: &mut impl Rng) -> Self {
        Self { width, columns: (0..rank).map(|_| gaussian(width, rng)).collect() }
    }

    pub fn from_tensor(matrix: &Tensor<2>) -> Self {
        let [width, rank] = matrix.dims();
        let values = matrix.clone().into_data_dtype(DType::F64).try_to_vec::<f64>().expect("converted to f64");
        let columns = (0..rank).map(|j| (0..width).map(|i| values[i * rank + j]).collect()).collect();
        Self { width, columns }
    }

    pub fn to_tensor(&self, device: &Device) -> Tensor<2> {
        let rank = self.columns.len();
        let values: Vec<f32> =
            (0..self.width).flat_map(|i| self.columns.iter().map(move |column| column[i] as f32)).collect();
        Tensor::from_data(TensorData::new(values, [self.width, rank]), (device, DType::F32))
    }

    /// Appends Gaussian columns until the matrix is square.
    pub fn extend_gaussian(&mut self, rng: &mut impl Rng) {
        while self.columns.len() < self.width {
            self.columns.push(gaussian(self.width, rng));
        }
    }

    /// Orthonormalises the columns (Gram-Schmidt), except the first `fixed` ones. Two passes reach f64 precision.
    ///
    /// The diagonal of the triangular factor is positive, so Gaussian columns become uniformly distributed ones.
    pub fn orthonormalise(&mut self, fixed: usize) {
        for _ in 0..2 {
            for j in 0..self.columns.len() {
                let (done, later) = self.columns.split_at_mut(j + 1);
                let column = &mut done[j];
                if j >= fixed {
                    let norm = dot(column, column).sqrt();
                    column.iter_mut().for_each(|x| *x /= norm);
                }
                later[fixed.saturating_sub(j + 1)..].par_iter_mut().for_each(|other| {
                    let along = dot(column, other);
                    other.iter_mut().zip(column.iter()).for_each(|(o, c)| *o -= along * c);
                });
            }
        }
    }

    /// Returns the largest |entry| of `CᵀC − I`; NaN if C contains NaN.
    pub fn error(&self) -> f64 {
        let row = |j: usize| {
            (j..self.columns.len())
                .map(|k| (dot(&self.columns[j], &self.columns[k]) - f64::from(u8::from(j == k))).abs())
                .fold(0.0, larger)
        };
        (0..self.columns.len()).into_par_iter().map(row).reduce(|| 0.0, larger)
    }
}

/// Returns the larger value; NaN counts as the largest, so that the error of a matrix with NaN is not small.
fn larger(a: f64, b: f64) -> f64 {
    if a.is_nan() || a > b { a } else { b }
}

/// Draws standard Gaussian numbers with the Box-Muller transform.
pub(crate) fn gaussian(count: usize, rng: &mut impl Rng) -> Vec<f64> {
    let draw = |_| {
        let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
        radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()
    };
    (0..count).map(draw).collect()
}

/// Returns the dot product. Eight independent sums let the compiler use vector instructions.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (a8, b8) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f64 = a8.remainder().iter().zip(b8.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a8.zip(b8) {
        for lane in 0..8 {
            sums[lane] += x[lane] * y[lane];
        }
    }
    rest + sums.iter().sum::<f64>()
}
