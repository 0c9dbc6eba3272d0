//! The device of the tests.

use std::sync::OnceLock;

use burn::tensor::Device;

/// A device other than the processor, where the whole binary is about one.
pub static DEVICE: OnceLock<Device> = OnceLock::new();

/// The device on which fixtures are read and models are run.
pub fn device() -> Device {
    DEVICE.get().cloned().unwrap_or_else(Device::flex)
}

/// The allowed distance from the fixtures' numbers: 1e-4 on the processor, and 1e-3 on a GPU, which rounds differently.
pub fn tolerance() -> f32 {
    if DEVICE.get().is_some() { 1e-3 } else { 1e-4 }
}
