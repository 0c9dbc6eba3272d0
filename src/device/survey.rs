//! Which devices there are.

use super::{Name, failure};
use crate::device::Adapter;

/// A device that a driver tells of, or a kind of which there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its name.
    pub name: Name,
    /// Why it cannot be used, and what to build or install; none where nothing is known against it.
    pub problem: Option<String>,
}

/// Every device of this machine, the best first, the processor last; of kinds of which there is none, why.
#[must_use]
pub fn survey() -> Vec<Found> {
    let mut found = Vec::new();
    for (kind, list) in [(Name::Cuda(0), cudas as fn() -> Listed), (Name::Rocm(0), rocms), (WGPU, adapters)] {
        let missing = |problem: String| vec![Found { name: kind, problem: Some(problem) }];
        found.extend(match kind.check().map(|()| failure::caught(list)) {
            Err(error) => missing(error.reason()),
            Ok(Err(said)) => missing(format!("the driver gave up when it was asked what there is: {said}")),
            Ok(Ok((names, none))) if names.is_empty() => missing(none.to_owned()),
            Ok(Ok((names, _))) => names.into_iter().map(|name| Found { name, problem: None }).collect(),
        });
    }
    found.push(Found { name: Name::Cpu, problem: None });
    found
}

const WGPU: Name = Name::Wgpu(Adapter::Number(0));

/// The devices of a kind, and what to do where there is none.
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
