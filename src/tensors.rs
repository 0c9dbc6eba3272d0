//! Safetensors files: small files (interventions, trained MLPs) are read and written whole, large files with
//! [`Growing`].

mod growing;

pub use growing::{Growing, Numbers};

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use crate::error::Error;
use crate::files;

/// Named f32 tensors.
#[derive(Clone, Debug, Default)]
pub struct Tensors(BTreeMap<String, (Vec<usize>, Vec<f32>)>);

impl From<BTreeMap<String, TensorData>> for Tensors {
    fn from(tensors: BTreeMap<String, TensorData>) -> Self {
        let values = |data: TensorData| (data.shape().to_vec(), data.iter::<f32>().collect());
        Self(tensors.into_iter().map(|(name, data)| (name, values(data))).collect())
    }
}

impl From<Tensors> for BTreeMap<String, TensorData> {
    fn from(tensors: Tensors) -> Self {
        tensors.0.into_iter().map(|(name, (shape, values))| (name, TensorData::new(values, shape))).collect()
    }
}

impl Tensors {
    /// Adds a tensor, converted to f32.
    pub fn insert<const D: usize>(&mut self, name: impl Into<String>, tensor: Tensor<D>) {
        let shape = tensor.dims().to_vec();
        let data: TensorData = tensor.into_data_as::<f32>();
        let values = data.try_to_vec().expect("the data was read as f32");
        self.0.insert(name.into(), (shape, values));
    }

    /// Returns the tensor with this name; an error if it is missing or has another shape. 0 in `shape` matches any size.
    pub fn get<const D: usize>(&self, name: &str, shape: [usize; D], device: &Device) -> Result<Tensor<D>, Error> {
        let (actual, values) = self.0.get(name).ok_or_else(|| Error::Invalid(format!("no tensor {name}")))?;
        let fits = actual.len() == D && actual.iter().zip(shape).all(|(n, expected)| expected == 0 || expected == *n);
        if !fits {
            let expected: Vec<String> =
                shape.iter().map(|n| if *n == 0 { "_".to_owned() } else { n.to_string() }).collect();
            return Err(Error::Invalid(format!("{name} is {actual:?}; [{}] is needed", expected.join(", "))));
        }
        Ok(Tensor::from_data(TensorData::new(values.clone(), actual.clone()), device))
    }

    /// Returns the tensors' names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Returns true if there is a tensor with this name.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Reads a safetensors file of f32 tensors; another dtype, NaN and infinities are errors.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let bytes = files::read(path)?;
        let file = SafeTensors::deserialize(&bytes)
            .map_err(|error| Error::content(path, format!("not a whole safetensors file: {error}")))?;
        let mut tensors = BTreeMap::new();
        for (name, tensor) in file.tensors() {
            if tensor.dtype() != Dtype::F32 {
                return Err(Error::content(path, format!("{name} is {:?}; F32 is needed", tensor.dtype())));
            }
            let values = tensor.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
            let values: Vec<f32> = values.collect();
            if let Some(value) = values.iter().find(|value| !value.is_finite()) {
                return Err(Error::content(path, format!("{name} contains {value}; all numbers must be finite")));
            }
            tensors.insert(name, (tensor.shape().to_vec(), values));
        }
        Ok(Self(tensors))
    }

    /// Writes a safetensors file atomically.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let bytes: Vec<(&String, &Vec<usize>, Vec<u8>)> = self
            .0
            .iter()
            .map(|(name, (shape, values))| (name, shape, values.iter().flat_map(|v| v.to_le_bytes()).collect()))
            .collect();
        let views = bytes.iter().map(|(name, shape, bytes)| {
            TensorView::new(Dtype::F32, (*shape).clone(), bytes).map(|view| (name.as_str(), view))
        });
        let wrong = |error: safetensors::SafeTensorError| Error::content(path, format!("cannot be written: {error}"));
        let views = views.collect::<Result<Vec<_>, _>>().map_err(wrong)?;
        let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
        files::write(path, &safetensors::serialize(views, Some(metadata)).map_err(wrong)?)
    }
}
