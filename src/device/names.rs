//! The names of devices.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, nearest};
use crate::text::serde_as_text;

/// A device's name: `auto`, `cpu`, `wgpu[:n]`, `wgpu:cpu`, `cuda[:n]`, `rocm[:n]`.
///
/// ```
/// use intervene::device::{Adapter, Name};
///
/// assert_eq!("wgpu".parse::<Name>()?, Name::Wgpu(Adapter::Number(0)));
/// assert_eq!("cuda:1".parse::<Name>()?.to_string(), "cuda:1");
/// assert_eq!("gpu".parse::<Name>().unwrap_err().to_string(), "unknown device `gpu`; did you mean `cpu`?");
/// # Ok::<(), intervene::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Name {
    /// The best device that works.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// A GPU, through Vulkan, Metal or DirectX 12.
    Wgpu(Adapter),
    /// An NVIDIA GPU, through CUDA.
    Cuda(usize),
    /// An AMD GPU, through ROCm.
    Rocm(usize),
}

/// The adapters of wgpu.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adapter {
    /// A GPU by its number, in order of speed of its kind: discrete, integrated, virtual.
    Number(usize),
    /// A driver that emulates a GPU on the processor, `cpu`.
    Software,
}

const NAMES: [&str; 6] = ["auto", "cpu", "wgpu", "wgpu:cpu", "cuda", "rocm"];

impl Name {
    /// Returns true if the name is that of a hardware GPU.
    #[must_use]
    pub fn is_hardware(self) -> bool {
        !matches!(self, Self::Auto | Self::Cpu | Self::Wgpu(Adapter::Software))
    }

    /// Returns an error if this binary was built without the feature that the device needs.
    pub fn check(self) -> Result<(), Error> {
        let (built, feature) = match self {
            Self::Auto | Self::Cpu => (true, ""),
            Self::Wgpu(_) => (cfg!(feature = "wgpu"), "wgpu"),
            Self::Cuda(_) => (cfg!(feature = "cuda"), "cuda"),
            Self::Rocm(_) => (cfg!(feature = "rocm"), "rocm"),
        };
        if built {
            return Ok(());
        }
        let problem = format!(
            "this binary was built without the feature `{feature}`: build it with `cargo build --release --features \
             {feature}`, or choose another device (`intervene devices` lists them)"
        );
        Err(Error::Device { name: self.to_string(), problem })
    }
}

/// Returns an error if this is no device's name, or if this binary was built without the feature that the device needs.
/// The device itself is not opened.
pub fn check(name: &str) -> Result<(), Error> {
    name.parse::<Name>()?.check()
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.pad("auto"),
            Self::Cpu => f.pad("cpu"),
            Self::Wgpu(Adapter::Software) => f.pad("wgpu:cpu"),
            Self::Wgpu(Adapter::Number(number)) => f.pad(&format!("wgpu:{number}")),
            Self::Cuda(number) => f.pad(&format!("cuda:{number}")),
            Self::Rocm(number) => f.pad(&format!("rocm:{number}")),
        }
    }
}

impl FromStr for Name {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (kind, number) = text.split_once(':').map_or((text, None), |(kind, number)| (kind, Some(number)));
        let unknown =
            || Error::Unknown { what: "device", name: text.to_owned(), hint: nearest(text, NAMES.iter().copied()) };
        if (kind, number) == ("wgpu", Some("cpu")) {
            return Ok(Self::Wgpu(Adapter::Software));
        }
        let number = match number {
            None => None,
            // burn numbers devices with 16 bits.
            Some(number) => Some(usize::from(number.parse::<u16>().map_err(|_| unknown())?)),
        };
        match (kind, number) {
            ("auto", None) => Ok(Self::Auto),
            ("cpu", None) => Ok(Self::Cpu),
            ("wgpu", number) => Ok(Self::Wgpu(Adapter::Number(number.unwrap_or(0)))),
            ("cuda", number) => Ok(Self::Cuda(number.unwrap_or(0))),
            ("rocm", number) => Ok(Self::Rocm(number.unwrap_or(0))),
            _ => Err(unknown()),
        }
    }
}

serde_as_text!(Name);
