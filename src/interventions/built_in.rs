//! What the interventions of this crate have beyond [`Intervention`]: how they are drawn, read and written.

use burn::tensor::Device;
use rand::Rng;

use super::tensors::{Reader, Writer};
use super::{Intervention, Kind, RotatedSpace};
use crate::error::Error;
use crate::orthogonal::{self, Map, Rotation};

/// What a fresh intervention starts from.
pub(crate) struct RandomStart<'a, R> {
    pub kind: Kind,
    /// The width of the rows.
    pub width: usize,
    /// Between 1 and the width.
    pub rank: usize,
    /// How a rotation is trained: on the manifold, or through a map.
    pub map: Option<Map>,
    /// What noise is multiplied by.
    pub level: Option<f64>,
    pub rng: &'a mut R,
    pub device: &'a Device,
}

impl<R: Rng> RandomStart<'_, R> {
    /// A random rotation, `[width, rank]`.
    pub fn rotation(&mut self) -> Rotation {
        Rotation::from_matrix(self.map, orthogonal::random(self.width, self.rank, self.rng, self.device), self.device)
    }

    /// A random rotation, `[width, width]`; a lower rank is refused.
    pub fn full_rotation(&mut self) -> Result<Rotation, Error> {
        if self.rank < self.width {
            return Err(Error::Invalid(format!(
                "{} learns how many columns it takes: it has full rank, not {}",
                self.kind, self.rank
            )));
        }
        Ok(self.rotation())
    }
}

/// An intervention that recipes, specifications and pyvene's folders name.
pub(crate) trait BuiltIn: Intervention {
    /// A fresh one. The default refuses: its tensors have to be read.
    fn draw<R: Rng>(start: &mut RandomStart<'_, R>) -> Result<Self, Error> {
        Err(Error::Invalid(format!("{} has no random start: its tensors must be given", start.kind)))
    }

    /// From tensors under pyvene's names.
    fn read(tensors: &Reader<'_>) -> Result<Self, Error>;

    /// Adds its tensors, under pyvene's names; its rotation is added by the caller.
    fn write(&self, _tensors: &mut Writer) {}

    /// Adds what only pyvene's `state_dict` holds, beyond the buffers that all classes have.
    fn write_buffers(&self, _tensors: &mut Writer) {}

    /// The width of the rows that it is made for; `None` where any will do.
    fn width(&self) -> Option<usize> {
        self.rotation().map(|rotation| rotation.dims()[0])
    }

    /// The number of units that it is made for; `None` where any will do.
    fn units(&self) -> Option<usize> {
        None
    }

    /// The number of leading columns of its rotation that are exchanged; `None` where a soft mask, or no rotation,
    /// decides. May read a parameter back from the device.
    fn hard_rank(&self) -> Option<usize> {
        None
    }

    /// The same with a hard mask in the place of a learned boundary; `None` where there is no boundary.
    #[cfg_attr(not(feature = "experiment"), allow(dead_code, reason = "only runs write hardened rotations"))]
    fn harden(&self, _device: &Device) -> Option<RotatedSpace> {
        None
    }
}

/// Implements [`BuiltIn`] for a struct without fields.
macro_rules! without_parameters {
    ($Type:ident) => {
        impl crate::interventions::BuiltIn for $Type {
            fn draw<R: rand::Rng>(
                _: &mut crate::interventions::RandomStart<'_, R>,
            ) -> Result<Self, crate::error::Error> {
                Ok(Self {})
            }

            fn read(_: &crate::interventions::Reader<'_>) -> Result<Self, crate::error::Error> {
                Ok(Self {})
            }
        }
    };
}
