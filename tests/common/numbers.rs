//! Fixtures of numbers, read as tensors.

use std::collections::HashMap;
use std::path::Path;

use burn::tensor::{Tensor, TensorData};
use safetensors::SafeTensors;

use super::device::device;

/// A safetensors file of numbers.
pub struct Numbers(HashMap<String, (Vec<usize>, Vec<f64>)>);

impl Numbers {
    pub fn open(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let numbers = file.iter().map(|(name, view)| {
            let data = view.data();
            let values = match view.dtype() {
                safetensors::Dtype::F32 => {
                    data.chunks_exact(4).map(|b| f64::from(f32::from_le_bytes(b.try_into().unwrap()))).collect()
                }
                safetensors::Dtype::I64 => {
                    data.chunks_exact(8).map(|b| i64::from_le_bytes(b.try_into().unwrap()) as f64).collect()
                }
                other => panic!("{name} is {other:?}"),
            };
            (name.to_owned(), (view.shape().to_vec(), values))
        });
        Self(numbers.collect())
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub fn get(&self, name: &str) -> &(Vec<usize>, Vec<f64>) {
        self.0.get(name).unwrap_or_else(|| panic!("the fixture has no `{name}`"))
    }

    pub fn floats<const D: usize>(&self, name: &str) -> Tensor<D> {
        let (shape, values) = self.get(name);
        let values: Vec<f32> = values.iter().map(|value| *value as f32).collect();
        Tensor::from_data(TensorData::new(values, shape.clone()), &device())
    }

    /// Floats of any shape.
    pub fn data(&self, name: &str) -> TensorData {
        let (shape, values) = self.get(name);
        TensorData::new(values.iter().map(|value| *value as f32).collect::<Vec<_>>(), shape.clone())
    }

    /// All tensors whose names begin with `prefix`, by the rest of their names.
    pub fn under(&self, prefix: &str) -> Vec<(String, TensorData)> {
        let rest = self.0.keys().filter_map(|name| name.strip_prefix(prefix).map(|rest| (rest, name)));
        rest.map(|(rest, name)| (rest.to_owned(), self.data(name))).collect()
    }

    /// The rows of a matrix of whole numbers.
    pub fn rows(&self, name: &str) -> Vec<Vec<i64>> {
        let (shape, values) = self.get(name);
        values.chunks_exact(shape[1]).map(|row| row.iter().map(|value| *value as i64).collect()).collect()
    }
}
