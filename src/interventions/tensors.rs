//! Interventions as tensors under pyvene's names: helpers to read and write them.

use std::collections::BTreeMap;

use burn::module::Param;
use burn::tensor::{DType, Device, Tensor, TensorData};

use super::{Kind, Temperature};
use crate::error::Error;
use crate::orthogonal::{self, Map, Rotation};

/// Tensors by name.
pub type NamedTensors = BTreeMap<String, TensorData>;

/// R itself.
pub(super) const WEIGHT: &str = "rotate_layer.weight";
/// PyTorch's parametrisation, as its `state_dict` names it and in short.
pub(super) const ORIGINAL: [&str; 2] = ["rotate_layer.parametrizations.weight.original", "rotate_layer.original"];
pub(super) const BASE: [&str; 2] = ["rotate_layer.parametrizations.weight.0.base", "rotate_layer.base"];
/// The largest entry of |RᵀR − I| that is accepted; half precision stays well below it.
const MAX_ORTHOGONALITY_ERROR: f64 = 0.02;

/// A constant as a source, the same for all rows.
///
/// # Shapes
/// - constant: `[width]`
/// - output: `[batch, units, width]`
pub fn constant_source(constant: &Tensor<1>, [batch, units, width]: [usize; 3]) -> Result<Tensor<3>, Error> {
    let [given] = constant.dims();
    if given != width {
        return Err(Error::Invalid(format!("a constant source of width {given} for rows of width {width}")));
    }
    if constant.to_data_dtype(DType::F32).iter::<f32>().any(|x| !x.is_finite()) {
        return Err(Error::Invalid("the constant source holds a NaN or an infinity".to_owned()));
    }
    Ok(constant.clone().unsqueeze::<3>().expand([batch, units, width]))
}

/// Collects tensors by name.
pub(crate) struct Writer(pub(super) NamedTensors);

impl Writer {
    pub(super) fn tensor<const D: usize>(&mut self, name: &str, tensor: Tensor<D>) {
        self.0.insert(name.to_owned(), tensor.into_data_dtype(DType::F32));
    }

    pub(super) fn scalar(&mut self, name: &str, value: f64) {
        self.0.insert(name.to_owned(), TensorData::new(vec![value as f32], [0_usize; 0]));
    }
}

/// Finds tensors by name, and checks them.
pub(crate) struct Reader<'a> {
    pub(super) kind: Kind,
    pub(super) tensors: &'a NamedTensors,
    /// How a rotation is trained: on the manifold, or through a map.
    pub(super) map: Option<Map>,
    pub(super) device: Device,
}

impl Reader<'_> {
    /// The same, off the tape: for tensors that are not trained.
    pub(super) fn untracked(&self) -> Self {
        Self { device: self.device.clone().inner(), ..*self }
    }

    /// A trainable parameter of a shape.
    pub(super) fn param<const D: usize>(&self, name: &str, shape: [usize; D]) -> Result<Param<Tensor<D>>, Error> {
        self.shaped(name, shape).map(Param::from_tensor)
    }

    /// The trainable weight of a PyTorch linear layer, which is stored as `[out, in]`.
    ///
    /// # Shapes
    /// - output: `[in, out]`
    pub(super) fn linear(&self, name: &str, [input, output]: [usize; 2]) -> Result<Param<Tensor<2>>, Error> {
        let weight = self.untracked().shaped(name, [output, input])?;
        Ok(Param::from_data(weight.transpose().into_data(), &self.device))
    }

    fn wrong<T>(&self, problem: impl std::fmt::Display) -> Result<T, Error> {
        Err(Error::Invalid(format!("the tensors of {}: {problem}", self.kind)))
    }

    fn data(&self, name: &str) -> Result<TensorData, Error> {
        let Some(data) = self.tensors.get(name) else {
            let names: Vec<&str> = self.tensors.keys().map(String::as_str).collect();
            return self.wrong(format_args!("there is no `{name}`, only {}", names.join(", ")));
        };
        let data = data.clone().convert::<f32>();
        if data.iter::<f32>().any(|x| !x.is_finite()) {
            return self.wrong(format_args!("`{name}` holds a NaN or an infinity"));
        }
        Ok(data)
    }

    pub(super) fn tensor<const D: usize>(&self, name: &str) -> Result<Tensor<D>, Error> {
        let data = self.data(name)?;
        if data.shape().len() != D {
            return self.wrong(format_args!("`{name}` has {} dimensions, not {D}", data.shape().len()));
        }
        Ok(Tensor::from_data(data, &self.device))
    }

    pub(super) fn shaped<const D: usize>(&self, name: &str, shape: [usize; D]) -> Result<Tensor<D>, Error> {
        let tensor = self.tensor(name)?;
        match tensor.dims() {
            found if found == shape => Ok(tensor),
            found => self.wrong(format_args!("`{name}` has shape {found:?}, not {shape:?}")),
        }
    }

    pub(super) fn scalar(&self, name: &str) -> Result<f64, Error> {
        match self.data(name)?.iter::<f64>().collect::<Vec<_>>()[..] {
            [value] => Ok(value),
            _ => self.wrong(format_args!("`{name}` is not one number")),
        }
    }

    pub(super) fn temperature(&self, mut schedule: Temperature) -> Result<Temperature, Error> {
        if self.tensors.contains_key("temperature") {
            let now = self.scalar("temperature")?;
            if now <= 0.0 {
                return self.wrong(format_args!("a temperature is above 0, not {now}"));
            }
            schedule.set(now);
        }
        Ok(schedule)
    }

    /// The first of several names for the same thing that is there.
    fn either(&self, names: [&'static str; 2]) -> Option<&'static str> {
        names.into_iter().find(|&name| self.tensors.contains_key(name))
    }

    /// A matrix with at least as many rows as columns.
    fn tall(&self, name: &str) -> Result<Tensor<2>, Error> {
        let x = self.tensor::<2>(name)?;
        match x.dims() {
            [width, rank] if rank > width => {
                self.wrong(format_args!("`{name}` has more columns than rows: {:?}", [width, rank]))
            }
            _ => Ok(x),
        }
    }

    /// The rotation of any kind that has one.
    pub(super) fn rotation(&self) -> Result<Rotation, Error> {
        let map = self.map;
        let rotation = match (self.either(ORIGINAL), self.either(BASE)) {
            (Some(original), Some(base)) if map.is_some() || !self.tensors.contains_key(WEIGHT) => {
                let x = self.tall(original)?;
                let [width, rank] = x.dims();
                let base = self.shaped(base, [width, width])?;
                let own = map.unwrap_or(Map::default_for(width, rank));
                let parametrised = Rotation::parametrised(own, x, base, &self.device);
                match map {
                    Some(_) => parametrised,
                    None => Rotation::manifold(parametrised.matrix(), &self.device),
                }
            }
            _ => Rotation::from_matrix(map, self.tall(WEIGHT)?, &self.device),
        };
        match orthogonal::error(&rotation.matrix()) {
            error if error < MAX_ORTHOGONALITY_ERROR => Ok(rotation),
            error => {
                self.wrong(format_args!("the rotation's columns are not orthonormal: RᵀR − I is up to {error:.1e}"))
            }
        }
    }
}
