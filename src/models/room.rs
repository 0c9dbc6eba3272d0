//! The check that a model's weights fit on a device.

use std::path::Path;

use burn::tensor::{DType, Device};

use crate::device;
use crate::error::Error;

/// The settings that need less device memory.
const LOWER: &str = "half precision (model.dtype or --dtype as bf16 or f16), a smaller model, `--device cpu`";

/// The device memory that a model's tensors need, counted before the first is read.
#[derive(Default)]
pub(super) struct MemoryNeeds {
    bytes: u64,
    dtypes: Vec<DType>,
}

impl MemoryNeeds {
    /// Adds a tensor.
    pub fn add(&mut self, shape: &[usize], dtype: DType) {
        self.bytes += shape.iter().product::<usize>() as u64 * dtype.size() as u64;
        if !self.dtypes.contains(&dtype) {
            self.dtypes.push(dtype);
        }
    }

    /// An error if the device does not support the dtypes or has too little free memory.
    pub fn check(&self, path: &Path, device: &Device) -> Result<(), Error> {
        if let Some(missing) = self.dtypes.iter().find(|dtype| !device.supports_dtype(**dtype)) {
            let all = [DType::F32, DType::BF16, DType::F16];
            let supported = all.into_iter().filter(|dtype| device.supports_dtype(*dtype)).map(|dtype| dtype.name());
            let supported: Vec<&str> = supported.collect();
            let problem = format!(
                "it does not support {}, the dtype chosen for {}; it supports: {} (model.dtype, --dtype)",
                missing.name(),
                path.display(),
                supported.join(", ")
            );
            return Err(Error::Device { name: device::name(device), problem });
        }
        device::check_room(device, &self.what(path), self.bytes, LOWER)
    }

    /// Runs `read`, which reads the tensors; a device failure becomes an error.
    pub fn reading<T>(&self, path: &Path, device: &Device, read: impl FnOnce() -> T) -> Result<T, Error> {
        let doing = format!("loading {}, {}", self.what(path), device::format_bytes(self.bytes));
        device::attempt(device, &doing, LOWER, || Ok(read()))
    }

    fn what(&self, path: &Path) -> String {
        // Some norms are f32 whatever the model's dtype.
        let dtype = self.dtypes.iter().find(|dtype| **dtype != DType::F32).unwrap_or(&DType::F32);
        format!("the weights of {} in {}", path.display(), dtype.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_counted_in_the_dtype_of_each_tensor() {
        let mut needs = MemoryNeeds::default();
        needs.add(&[10, 3], DType::F32);
        needs.add(&[10, 3], DType::BF16);
        assert_eq!(needs.bytes, 120 + 60);
        assert_eq!(needs.what("m".as_ref()), "the weights of m in bf16");
    }
}
