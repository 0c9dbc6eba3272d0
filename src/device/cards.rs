//! GPUs through their makers' own drivers, which are looked for at run time: CUDA and ROCm.

use burn::cubecl::Device as Card;
use burn::cubecl::client::Client;
use burn::tensor::{Device, DeviceType};

use super::failure::caught;
use super::{Name, Opened};
use crate::error::Error;

/// What to do where there is no CUDA.
#[cfg(feature = "cuda")]
pub const NO_CUDA: &str = "no NVIDIA driver was found: install NVIDIA's driver until `nvidia-smi` lists the card (no CUDA toolkit is \
                           needed); a container has to be given the card (`--gpus all`)";

/// What to do where there is no ROCm.
#[cfg(feature = "rocm")]
pub const NO_ROCM: &str = "no AMD card was found: install ROCm until `rocminfo` lists the card; a container has to be given it \
                           (`--device /dev/kfd --device /dev/dri`)";

/// The names of NVIDIA's cards.
#[cfg(feature = "cuda")]
pub fn cudas() -> Vec<Name> {
    (0..Device::enumerate(DeviceType::Cuda).len()).map(Name::Cuda).collect()
}

/// The names of AMD's cards.
#[cfg(feature = "rocm")]
pub fn rocms() -> Vec<Name> {
    (0..Device::enumerate(DeviceType::Rocm).len()).map(Name::Rocm).collect()
}

/// Starts an NVIDIA card.
#[cfg(feature = "cuda")]
pub fn cuda(number: usize) -> Result<Opened, Error> {
    let client = || Card::Cuda(burn::cubecl::device::CudaDevice::new(number)).client();
    start(Name::Cuda(number), cudas, NO_CUDA, || Device::cuda(number), client)
}

/// Starts an AMD card.
#[cfg(feature = "rocm")]
pub fn rocm(number: usize) -> Result<Opened, Error> {
    let client = || Card::Hip(burn::cubecl::device::AmdDevice::new(number)).client();
    start(Name::Rocm(number), rocms, NO_ROCM, || Device::rocm(number), client)
}

fn start(
    name: Name,
    names: fn() -> Vec<Name>,
    missing: &str,
    device: impl FnOnce() -> Device,
    client: impl FnOnce() -> Client,
) -> Result<Opened, Error> {
    let wrong = |problem: String| Error::Device { name: name.to_string(), problem };
    let found =
        caught(names).map_err(|said| wrong(format!("the driver gave up when it was asked what there is: {said}")))?;
    if !found.contains(&name) {
        let there: Vec<String> = found.iter().map(Name::to_string).collect();
        return Err(wrong(match &there[..] {
            [] => missing.to_owned(),
            there => format!("there is no such card; there are: {}", there.join(", ")),
        }));
    }
    let properties = || client().properties().clone();
    let properties = caught(properties)
        .map_err(|said| wrong(format!("its driver could not be started: {said}; a newer driver may help")))?;
    let memory = properties.memory.max_memory();
    Ok(Opened { name, hardware: properties.identity.name, memory, device: device() })
}
