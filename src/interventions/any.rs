//! The interventions of this crate behind one type: created, read and written by their kind.

use burn::tensor::{Device, TensorData};
use rand::Rng;

use super::tensors::{BASE, ORIGINAL, Reader, WEIGHT, Writer};
use super::{
    AnyIntervention, BuiltIn, Control, Intervention, Kind, NamedTensors, RandomStart, RotatedSpace, Temperature,
};
use crate::error::Error;
use crate::orthogonal::{self, Map, Rotation};

impl AnyIntervention {
    /// A fresh intervention for rows of a width: R drawn at random, of a rank (full when `None`), trained on the manifold
    /// or through a map; masks and boundaries at pyvene's start, with its schedules; noise for one unit, at its level.
    ///
    /// Components and autoencoders cannot be drawn, only read: see [`Self::from_tensors`].
    pub fn fresh(
        kind: Kind,
        width: usize,
        rank: Option<usize>,
        map: Option<Map>,
        rng: &mut impl Rng,
        device: &Device,
    ) -> Result<Self, Error> {
        let rank = rank.unwrap_or(width);
        if !(1..=width).contains(&rank) {
            return Err(Error::Invalid(format!("rank {rank} is not between 1 and the rows' width, {width}")));
        }
        Self::draw(&mut RandomStart { kind, width, rank, map, level: None, rng, device })
    }

    /// From pyvene's tensors, as its `state_dict` holds them, or from those of [`Self::to_tensors`].
    ///
    /// A rotation starts at `rotate_layer.weight`, which is R, and is trained as `map` says (on the manifold when it is
    /// `None`); with a map, training continues from PyTorch's `original` and `base` when these are present.
    pub fn from_tensors(kind: Kind, tensors: &NamedTensors, map: Option<Map>, device: &Device) -> Result<Self, Error> {
        Self::read(&Reader { kind, tensors, map, device: device.clone() })
    }

    /// Under pyvene's names, all f32; a rotation as R itself, `rotate_layer.weight`, bit for bit.
    #[must_use]
    pub fn to_tensors(&self) -> NamedTensors {
        let mut tensors = Writer(NamedTensors::new());
        if let Some(rotation) = self.rotation() {
            tensors.tensor(WEIGHT, rotation.matrix());
        }
        self.write(&mut tensors);
        tensors.0
    }

    /// As pyvene's `state_dict` holds it: a rotation as PyTorch's default parametrisation of R, and pyvene's buffers.
    #[must_use]
    pub fn to_pyvene(&self) -> NamedTensors {
        let mut tensors = Writer(self.to_tensors());
        if let Some(rotation) = self.rotation() {
            tensors.0.remove(WEIGHT);
            let (original, base) = rotation.to_pytorch();
            tensors.tensor(ORIGINAL[0], original);
            tensors.tensor(BASE[0], base);
        }
        self.write_buffers(&mut tensors);
        if let Some(width) = self.width() {
            for buffer in ["embed_dim", "interchange_dim"] {
                tensors.0.insert(buffer.to_owned(), TensorData::new(vec![width as i64], [0_usize; 0]));
            }
        }
        tensors.0
    }

    /// Its rotation, if it has one.
    #[must_use]
    pub fn rotation(&self) -> Option<&Rotation> {
        Intervention::rotation(self)
    }

    /// The width of the rows that it is made for; `None` where any will do.
    #[must_use]
    pub fn width(&self) -> Option<usize> {
        BuiltIn::width(self)
    }

    /// Its present temperature, if it has one.
    #[must_use]
    pub fn temperature(&self) -> Option<f64> {
        Intervention::temperature(self)
    }

    /// Its temperature, if it has one: to set it, or to replace its schedule.
    pub fn temperature_mut(&mut self) -> Option<&mut Temperature> {
        Intervention::temperature_mut(self)
    }

    /// An untrained intervention to compare it with, as its [`Control`] says; `map` is how a fresh one's rotation is
    /// parametrised.
    pub fn random_control(&self, map: Option<Map>, rng: &mut impl Rng, device: &Device) -> Result<Self, Error> {
        let kind = self.kind();
        let fresh = kind.info().trained.is_none_or(|trained| trained.control == Control::Fresh);
        let rotation = self.rotation().map(Rotation::dims);
        match rotation {
            Some([width, rank]) if !fresh => {
                let r = orthogonal::random(width, self.hard_rank().unwrap_or(rank), rng, device);
                Ok(RotatedSpace::new(Rotation::manifold(r, device)).into())
            }
            _ => Self::fresh(kind, self.width().unwrap_or(1), rotation.map(|[_, rank]| rank), map, rng, device),
        }
    }
}
