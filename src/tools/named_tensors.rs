//! Reads the tensors of one intervention, with the names and dtypes of its file.

use std::path::Path;

use burn::tensor::{DType, TensorData};
use safetensors::SafeTensors;

use crate::error::Error;
use crate::files;
use crate::interventions::NamedTensors;

/// All tensors of a safetensors file; an error for dtypes other than floats and I64.
pub(super) fn read_tensors(path: &Path) -> Result<NamedTensors, Error> {
    let bytes = files::read(path)?;
    let file = SafeTensors::deserialize(&bytes)
        .map_err(|error| Error::content(path, format!("not a whole safetensors file: {error}")))?;
    let tensor = |(name, view): (String, safetensors::tensor::TensorView<'_>)| {
        let dtype = match view.dtype() {
            safetensors::Dtype::F64 => DType::F64,
            safetensors::Dtype::F32 => DType::F32,
            safetensors::Dtype::F16 => DType::F16,
            safetensors::Dtype::BF16 => DType::BF16,
            safetensors::Dtype::I64 => DType::I64,
            other => return Err(Error::content(path, format!("{name} has dtype {other:?}: floats or I64 are needed"))),
        };
        Ok((name, TensorData::from_bytes_vec(view.data().to_vec(), view.shape().to_vec(), dtype)))
    };
    file.tensors().into_iter().map(tensor).collect()
}
