//! Does a checkpoint fit on a device?

use std::path::Path;

use burn::tensor::{DType, Device};

use crate::device;
use crate::error::Error;

/// What needs less of a device's memory than the weights as they are asked for.
const LOWER: &str = "half the bytes a number (model.dtype or --dtype as bf16 or f16), a smaller model, `--device cpu`";

/// What the tensors of a checkpoint will take of a device, counted before the first is read.
#[derive(Default)]
pub(super) struct Needs {
    bytes: u64,
    dtypes: Vec<DType>,
}

impl Needs {
    /// One more tensor.
    pub fn add(&mut self, shape: &[usize], dtype: DType) {
        self.bytes += shape.iter().product::<usize>() as u64 * dtype.size() as u64;
        if !self.dtypes.contains(&dtype) {
            self.dtypes.push(dtype);
        }
    }

    /// Does the device compute with those numbers, and has it the room?
    pub fn check(&self, path: &Path, device: &Device) -> Result<(), Error> {
        if let Some(missing) = self.dtypes.iter().find(|dtype| !device.supports_dtype(**dtype)) {
            let all = [DType::F32, DType::BF16, DType::F16];
            let there = all.into_iter().filter(|dtype| device.supports_dtype(*dtype)).map(|dtype| dtype.name());
            let there: Vec<&str> = there.collect();
            let problem = format!(
                "it does not compute in {}, in which {} is asked for; it does in: {} (model.dtype, --dtype)",
                missing.name(),
                path.display(),
                there.join(", ")
            );
            return Err(Error::Device { name: device::name(device), problem });
        }
        device::check_room(device, &self.what(path), self.bytes, LOWER)
    }

    /// Reads the tensors.
    pub fn reading<T>(&self, path: &Path, device: &Device, read: impl FnOnce() -> T) -> Result<T, Error> {
        let doing = format!("loading {}, {}", self.what(path), device::format_bytes(self.bytes));
        device::attempt(device, &doing, LOWER, || Ok(read()))
    }

    fn what(&self, path: &Path) -> String {
        // Norms are f32 whatever is asked for.
        let dtype = self.dtypes.iter().find(|dtype| **dtype != DType::F32).unwrap_or(&DType::F32);
        format!("the weights of {} in {}", path.display(), dtype.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_is_counted_in_its_own_numbers() {
        let mut needs = Needs::default();
        needs.add(&[10, 3], DType::F32);
        needs.add(&[10, 3], DType::BF16);
        assert_eq!(needs.bytes, 120 + 60);
        assert_eq!(needs.what("m".as_ref()), "the weights of m in bf16");
    }
}
