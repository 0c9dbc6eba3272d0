//! Devices that run models: names, drivers, memory, and errors.
//!
//! [`find`] opens a device by its [`Name`], once in a process; if its driver fails, the error says what to install.
//! Work on a device runs within [`attempt`], which turns a driver's panic into an error that names the operation and,
//! if the memory ran out, the settings that need less.

#[cfg(any(feature = "cuda", feature = "rocm"))]
mod cards;
mod failure;
mod memory;
mod names;
mod opened;
mod survey;
#[cfg(feature = "wgpu")]
mod wgpu;

use std::sync::PoisonError;

use burn::tensor::Device;

use crate::error::Error;
use crate::monitor::Monitor;

pub use failure::{attempt, guarded, record_panic};
pub use memory::{budget, check_room, format_bytes, free, parse_bytes};
pub use names::{Adapter, Name, check};
pub use opened::{OpenedDevice, describe, is_cpu, name, opened};
pub use survey::{SurveyedDevice, survey};

/// Returns the device with this name, ready to use. `auto` is the best that works; others give a warning.
pub fn find(name: &str, monitor: &mut dyn Monitor) -> Result<Device, Error> {
    find_name(name.parse()?, monitor)
}

/// Like [`find`], for a name that was parsed.
pub fn find_name(name: Name, monitor: &mut dyn Monitor) -> Result<Device, Error> {
    if name != Name::Auto {
        return Ok(open(name)?.device);
    }
    for listed in survey().into_iter().filter(|listed| listed.problem.is_none() && listed.name.is_hardware()) {
        match open(listed.name) {
            Ok(opened) => return Ok(opened.device),
            Err(error) => monitor.warn(&format!("device auto: {error}; trying the next device")),
        }
    }
    Ok(open(Name::Cpu)?.device)
}

/// Opens the device with this name (not `auto`) and tests it with one addition.
pub fn open(name: Name) -> Result<OpenedDevice, Error> {
    // A driver that panics while the lock is held does not change the list.
    let mut opened = opened::OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = opened.iter().find(|known| known.name == name) {
        return Ok(known.clone());
    }
    name.check()?;
    let fresh = match name {
        Name::Auto => unreachable!("`auto` is resolved by `find`"),
        Name::Cpu => cpu(),
        #[cfg(feature = "wgpu")]
        Name::Wgpu(adapter) => wgpu::open(adapter)?,
        #[cfg(feature = "cuda")]
        Name::Cuda(number) => cards::cuda(number)?,
        #[cfg(feature = "rocm")]
        Name::Rocm(number) => cards::rocm(number)?,
        #[allow(unreachable_patterns, reason = "reachable only if a feature is off")]
        _ => unreachable!("`Name::check` refuses names whose feature is off"),
    };
    failure::test_sum(&fresh)?;
    opened.push(fresh.clone());
    Ok(fresh)
}

fn cpu() -> OpenedDevice {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let hardware = format!("{} on {cores} threads", std::env::consts::ARCH);
    OpenedDevice { name: Name::Cpu, hardware, memory: Some(crate::measure::memory_bytes()), device: Device::flex() }
}
