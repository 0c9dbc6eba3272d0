//! GPUs through the drivers of NVIDIA (CUDA) and AMD (ROCm), which are loaded at run time.

use burn::cubecl::Device as Card;
use burn::cubecl::client::Client;
use burn::tensor::{Device, DeviceType};

use super::failure::caught;
use super::{Name, OpenedDevice};
use crate::error::Error;

/// Instructions for a machine without CUDA.
#[cfg(feature = "cuda")]
pub const NO_CUDA: &str = "no NVIDIA driver was found: install NVIDIA's driver until `nvidia-smi` lists the card (no CUDA toolkit is \
                           needed); a container needs access to the card (`--gpus all`)";

/// Instructions for a machine without ROCm.
#[cfg(feature = "rocm")]
pub const NO_ROCM: &str = "no AMD card was found: install ROCm until `rocminfo` lists the card; a container needs access to it \
                           (`--device /dev/kfd --device /dev/dri`)";

#[cfg(feature = "cuda")]
pub fn cudas() -> Vec<Name> {
    (0..Device::enumerate(DeviceType::Cuda).len()).map(Name::Cuda).collect()
}

#[cfg(feature = "rocm")]
pub fn rocms() -> Vec<Name> {
    (0..Device::enumerate(DeviceType::Rocm).len()).map(Name::Rocm).collect()
}

#[cfg(feature = "cuda")]
pub fn cuda(number: usize) -> Result<OpenedDevice, Error> {
    let client = || Card::Cuda(burn::cubecl::device::CudaDevice::new(number)).client();
    start(Name::Cuda(number), cudas, NO_CUDA, || Device::cuda(number), client)
}

#[cfg(feature = "rocm")]
pub fn rocm(number: usize) -> Result<OpenedDevice, Error> {
    let client = || Card::Hip(burn::cubecl::device::AmdDevice::new(number)).client();
    start(Name::Rocm(number), rocms, NO_ROCM, || Device::rocm(number), client)
}

fn start(
    name: Name,
    names: fn() -> Vec<Name>,
    missing: &str,
    device: impl FnOnce() -> Device,
    client: impl FnOnce() -> Client,
) -> Result<OpenedDevice, Error> {
    let wrong = |problem: String| Error::Device { name: name.to_string(), problem };
    let available = caught(names).map_err(|panic| wrong(format!("the driver failed to list its devices: {panic}")))?;
    if !available.contains(&name) {
        let available: Vec<String> = available.iter().map(Name::to_string).collect();
        return Err(wrong(match &available[..] {
            [] => missing.to_owned(),
            available => format!("there is no such card; there are: {}", available.join(", ")),
        }));
    }
    let properties = || client().properties().clone();
    let properties = caught(properties)
        .map_err(|panic| wrong(format!("its driver could not be started: {panic}; a newer driver may help")))?;
    let memory = properties.memory.max_memory();
    Ok(OpenedDevice { name, hardware: properties.identity.name, memory, device: device() })
}
