//! The list of this machine's devices.

use super::{Name, failure};
use crate::device::Adapter;

/// A device that a driver lists, or a kind of device that is unavailable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SurveyedDevice {
    /// Its name.
    pub name: Name,
    /// The reason why it cannot be used, and what to build or install; `None` if no problem is known.
    pub problem: Option<String>,
}

/// Returns every device of this machine, the best first and the processor last, and an entry with the reason for each
/// kind that is unavailable.
#[must_use]
pub fn survey() -> Vec<SurveyedDevice> {
    let mut devices = Vec::new();
    for (kind, list) in [(Name::Cuda(0), cudas as fn() -> Listed), (Name::Rocm(0), rocms), (WGPU, adapters)] {
        let missing = |problem: String| vec![SurveyedDevice { name: kind, problem: Some(problem) }];
        devices.extend(match kind.check().map(|()| failure::caught(list)) {
            Err(error) => missing(error.reason()),
            Ok(Err(panic)) => missing(format!("the driver failed to list its devices: {panic}")),
            Ok(Ok((names, none))) if names.is_empty() => missing(none.to_owned()),
            Ok(Ok((names, _))) => names.into_iter().map(|name| SurveyedDevice { name, problem: None }).collect(),
        });
    }
    devices.push(SurveyedDevice { name: Name::Cpu, problem: None });
    devices
}

const WGPU: Name = Name::Wgpu(Adapter::Number(0));

/// The devices of a kind, and instructions for a machine without one.
type Listed = (Vec<Name>, &'static str);

fn cudas() -> Listed {
    #[cfg(feature = "cuda")]
    return (super::cards::cudas(), super::cards::NO_CUDA);
    #[cfg(not(feature = "cuda"))]
    (Vec::new(), "")
}

fn rocms() -> Listed {
    #[cfg(feature = "rocm")]
    return (super::cards::rocms(), super::cards::NO_ROCM);
    #[cfg(not(feature = "rocm"))]
    (Vec::new(), "")
}

fn adapters() -> Listed {
    #[cfg(feature = "wgpu")]
    return (super::wgpu::names(), super::wgpu::NONE);
    #[cfg(not(feature = "wgpu"))]
    (Vec::new(), "")
}
