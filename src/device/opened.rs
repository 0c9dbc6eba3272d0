//! The devices that this process has opened.

use std::sync::{Mutex, PoisonError};

use burn::tensor::Device;

use super::Name;
use crate::error::Error;

/// A device that this process has opened.
#[derive(Clone, Debug)]
pub struct OpenedDevice {
    /// The name in this program; never `auto`.
    pub name: Name,
    /// The name that its driver reports.
    pub hardware: String,
    /// The size of its memory in bytes, if the driver reports it; for the processor, the machine's memory.
    pub memory: Option<u64>,
    /// burn's handle of the device.
    pub device: Device,
}

/// The devices of this process. A driver is started only once; later calls return the same device.
pub(super) static OPENED: Mutex<Vec<OpenedDevice>> = Mutex::new(Vec::new());

/// Returns the entry of a device, with or without autodiff; `None` if [`find`](super::find) did not open it.
pub(super) fn known(device: &Device) -> Option<OpenedDevice> {
    let opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    opened.iter().find(|known| known.device == *device).cloned()
}

/// Returns the entry of a device that [`find`](super::find) opened; an error for any other device.
pub fn opened(device: &Device) -> Result<OpenedDevice, Error> {
    let unknown = || Error::Invalid(format!("{device:?} was not opened with `device::find`"));
    known(device).ok_or_else(unknown)
}

/// Returns true if the device is the processor.
#[must_use]
pub fn is_cpu(device: &Device) -> bool {
    *device == Device::flex()
}

/// Returns the device's name in run folders, which [`find`](super::find) accepts.
#[must_use]
pub fn name(device: &Device) -> String {
    match known(device) {
        Some(known) => known.name.to_string(),
        None if is_cpu(device) => Name::Cpu.to_string(),
        None => format!("{device:?}"),
    }
}

/// Returns the device's name, with its hardware in parentheses unless it is the processor.
#[must_use]
pub fn describe(device: &Device) -> String {
    match known(device).filter(|known| known.name != Name::Cpu) {
        Some(known) => format!("{} ({})", known.name, known.hardware),
        None => name(device),
    }
}
