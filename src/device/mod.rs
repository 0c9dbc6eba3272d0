//! Which device runs the model.
//!
//! Devices have names: [`Name`]. [`find`] opens one, once in a process, and what can go wrong in a driver comes back as an
//! error that says what to install. What runs on a device runs within [`attempt`]: a driver's panic becomes an error too,
//! with what was being done, and, where the memory ran out, the settings that take less of it.

#[cfg(any(feature = "cuda", feature = "rocm"))]
mod cards;
mod failure;
mod memory;
mod names;
mod survey;
#[cfg(feature = "wgpu")]
mod wgpu;

use std::sync::{Mutex, PoisonError};

use burn::tensor::Device;

use crate::error::Error;

pub use failure::{attempt, guarded};
pub use memory::{budget, bytes, check_room, free, told};
pub use names::{Adapter, Name, check};
pub use survey::{Found, survey};

/// A device that this process has opened.
#[derive(Clone, Debug)]
pub struct Opened {
    /// What it is called here; never `auto`.
    pub name: Name,
    /// What its driver calls it.
    pub hardware: String,
    /// The bytes of its memory, where the driver says; the processor's are the machine's.
    pub memory: Option<u64>,
    /// The device.
    pub device: Device,
}

/// A driver is started once in a process; whoever asks again gets the same.
static OPENED: Mutex<Vec<Opened>> = Mutex::new(Vec::new());

/// The device of that name, ready to use: `auto` takes the best that works.
pub fn find(name: &str) -> Result<Device, Error> {
    let name: Name = name.parse()?;
    if name != Name::Auto {
        return Ok(open(name)?.device);
    }
    for found in survey().into_iter().filter(|found| found.problem.is_none() && found.name.is_hardware()) {
        match open(found.name) {
            Ok(opened) => return Ok(opened.device),
            Err(error) => eprintln!("device auto: {error}; going on to the next"),
        }
    }
    Ok(open(Name::Cpu)?.device)
}

/// Opens a device that is named, and has it add two numbers.
pub fn open(name: Name) -> Result<Opened, Error> {
    // A driver that failed under the lock leaves the list as it was.
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = opened.iter().find(|known| known.name == name) {
        return Ok(known.clone());
    }
    name.check()?;
    let fresh = match name {
        Name::Auto => unreachable!("`auto` stands for one of the others"),
        Name::Cpu => cpu(),
        #[cfg(feature = "wgpu")]
        Name::Wgpu(adapter) => wgpu::open(adapter)?,
        #[cfg(feature = "cuda")]
        Name::Cuda(number) => cards::cuda(number)?,
        #[cfg(feature = "rocm")]
        Name::Rocm(number) => cards::rocm(number)?,
        #[allow(unreachable_patterns, reason = "only where a feature is off")]
        _ => unreachable!("checked above"),
    };
    failure::first_sum(&fresh)?;
    opened.push(fresh.clone());
    Ok(fresh)
}

fn cpu() -> Opened {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let hardware = format!("{} on {cores} threads", std::env::consts::ARCH);
    Opened { name: Name::Cpu, hardware, memory: Some(crate::measure::memory_bytes()), device: Device::flex() }
}

/// What is known of a device, on the tape or off it; nothing of one that [`find`] did not give.
fn known(device: &Device) -> Option<Opened> {
    let opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    opened.iter().find(|known| known.device == *device).cloned()
}

/// What is known of a device that [`find`] gave.
pub fn opened(device: &Device) -> Result<Opened, Error> {
    let unknown = || Error::Invalid(format!("{device:?} was not opened by its name"));
    known(device).ok_or_else(unknown)
}

/// Does the processor itself run what is on this device?
#[must_use]
pub fn is_cpu(device: &Device) -> bool {
    *device == Device::flex()
}

/// The device's name in run folders: [`find`] takes it.
#[must_use]
pub fn name(device: &Device) -> String {
    match known(device) {
        Some(known) => known.name.to_string(),
        None if is_cpu(device) => Name::Cpu.to_string(),
        None => format!("{device:?}"),
    }
}

/// The device's name, and what its driver calls it.
#[must_use]
pub fn describe(device: &Device) -> String {
    match known(device).filter(|known| known.name != Name::Cpu) {
        Some(known) => format!("{} ({})", known.name, known.hardware),
        None => name(device),
    }
}
