//! Interventions as named tensors: from pyvene's names, and back.

use std::collections::BTreeMap;

use burn::module::Param;
use burn::tensor::{DType, Device, Tensor, TensorData};

use super::{
    AnyIntervention, Autoencoder, BoundlessRotatedSpace, JumpReluAutoencoder, Kind, Loreft, Noise, PcaRotatedSpace,
    RotatedSpace, SigmoidMask, SigmoidMaskRotatedSpace, Temperature,
};
use crate::error::Error;
use crate::orthogonal::{self, Map, Rotation};

/// Tensors by name.
pub type Tensors = BTreeMap<String, TensorData>;

/// R itself.
const WEIGHT: &str = "rotate_layer.weight";
/// PyTorch's parametrisation, as its `state_dict` names it and in short.
const ORIGINAL: [&str; 2] = ["rotate_layer.parametrizations.weight.original", "rotate_layer.original"];
const BASE: [&str; 2] = ["rotate_layer.parametrizations.weight.0.base", "rotate_layer.base"];
/// What is further from orthonormal is no rotation; one that went through half precision stays well below.
const NO_ROTATION: f64 = 0.02;

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

impl AnyIntervention {
    /// From pyvene's tensors, as its `state_dict` holds them, or from those of [`Self::to_tensors`].
    ///
    /// A rotation starts at `rotate_layer.weight`, which is R, and is trained as `map` says (on the manifold where there
    /// is none); with a map, PyTorch's `original` and `base` are gone on with where they are given.
    pub fn from_tensors(kind: Kind, tensors: &Tensors, map: Option<Map>, device: &Device) -> Result<Self, Error> {
        let read = Reader { kind, tensors, device: device.clone() };
        // What is not trained is kept off the tape.
        let plain = Reader { kind, tensors, device: device.clone().inner() };
        Ok(match kind {
            Kind::RotatedSpace | Kind::LowRankRotatedSpace => {
                Self::RotatedSpace(RotatedSpace::new(read.rotation(map)?))
            }
            Kind::BoundlessRotatedSpace => Self::BoundlessRotatedSpace(BoundlessRotatedSpace {
                rotation: read.rotation(map)?,
                boundary: read.shaped("intervention_boundaries", [1]).map(Param::from_tensor)?,
                temperature: read.temperature(Temperature::ANNEALED)?,
            }),
            Kind::SigmoidMask => Self::SigmoidMask(SigmoidMask {
                mask: read.tensor("mask").map(Param::from_tensor)?,
                temperature: read.temperature(Temperature::constant(0.01))?,
            }),
            Kind::SigmoidMaskRotatedSpace => {
                let rotation = read.rotation(map)?;
                let mask = read.shaped("masks", [rotation.dims()[1]]).map(Param::from_tensor)?;
                let temperature = read.temperature(Temperature::ANNEALED)?;
                Self::SigmoidMaskRotatedSpace(SigmoidMaskRotatedSpace { rotation, mask, temperature })
            }
            Kind::Loreft => {
                let rotation = read.rotation(map)?;
                let [width, rank] = rotation.dims();
                // PyTorch's linear layer is [out, in].
                let weight = plain.shaped("learned_source.weight", [rank, width])?;
                Self::Loreft(Loreft {
                    rotation,
                    weight: Param::from_data(weight.transpose().into_data(), device),
                    bias: read.shaped("learned_source.bias", [rank]).map(Param::from_tensor)?,
                })
            }
            Kind::PcaRotatedSpace => {
                let components = plain.tensor::<2>("pca_components")?;
                let [_, width] = components.dims();
                let (mean, std) = (plain.shaped("pca_mean", [width])?, plain.shaped("pca_std", [width])?);
                Self::PcaRotatedSpace(PcaRotatedSpace { components, mean, std })
            }
            Kind::Noise => Self::Noise(Noise::new(plain.tensor("noise")?, plain.scalar("noise_level")?)),
            Kind::JumpReluAutoencoder => {
                let w_enc = read.tensor::<2>("W_enc")?;
                let [width, latents] = w_enc.dims();
                Self::JumpReluAutoencoder(JumpReluAutoencoder {
                    w_enc: Param::from_tensor(w_enc),
                    w_dec: read.shaped("W_dec", [latents, width]).map(Param::from_tensor)?,
                    threshold: read.shaped("threshold", [latents]).map(Param::from_tensor)?,
                    b_enc: read.shaped("b_enc", [latents]).map(Param::from_tensor)?,
                    b_dec: read.shaped("b_dec", [width]).map(Param::from_tensor)?,
                    exchanged: 0..width.min(latents),
                })
            }
            Kind::Autoencoder => {
                // PyTorch's linear layers are [out, in].
                let encoder = plain.tensor::<2>("autoencoder.encoder.0.weight")?;
                let [latents, width] = encoder.dims();
                let decoder = plain.shaped("autoencoder.decoder.0.weight", [width, latents])?;
                let turned = |weight: Tensor<2>| Param::from_data(weight.transpose().into_data(), device);
                Self::Autoencoder(Autoencoder {
                    w_enc: turned(encoder),
                    b_enc: read.shaped("autoencoder.encoder.0.bias", [latents]).map(Param::from_tensor)?,
                    w_dec: turned(decoder),
                    b_dec: read.shaped("autoencoder.decoder.0.bias", [width]).map(Param::from_tensor)?,
                    // pyvene exchanges the one latent whose number is the width; where there is none, all of them.
                    exchanged: if width < latents { width..width + 1 } else { 0..latents },
                })
            }
            _ => Self::without_parameters(kind).expect("all others have parameters"),
        })
    }

    /// Under pyvene's names, all f32; a rotation as R itself, `rotate_layer.weight`, bit for bit.
    #[must_use]
    pub fn to_tensors(&self) -> Tensors {
        let mut write = Writer(Tensors::new());
        if let Some(rotation) = self.rotation() {
            write.tensor(WEIGHT, rotation.matrix());
        }
        match self {
            Self::BoundlessRotatedSpace(one) => {
                write.tensor("intervention_boundaries", one.boundary.val());
                write.scalar("temperature", one.temperature.now());
            }
            Self::SigmoidMask(one) => {
                write.tensor("mask", one.mask.val());
                write.scalar("temperature", one.temperature.now());
            }
            Self::SigmoidMaskRotatedSpace(one) => {
                write.tensor("masks", one.mask.val());
                write.scalar("temperature", one.temperature.now());
            }
            Self::Loreft(one) => {
                write.tensor("learned_source.weight", one.weight.val().transpose());
                write.tensor("learned_source.bias", one.bias.val());
            }
            Self::PcaRotatedSpace(one) => {
                write.tensor("pca_components", one.components.clone());
                write.tensor("pca_mean", one.mean.clone());
                write.tensor("pca_std", one.std.clone());
            }
            Self::Noise(one) => {
                write.tensor("noise", one.noise.clone());
                write.scalar("noise_level", one.level);
            }
            Self::JumpReluAutoencoder(one) => {
                write.tensor("W_enc", one.w_enc.val());
                write.tensor("W_dec", one.w_dec.val());
                write.tensor("threshold", one.threshold.val());
                write.tensor("b_enc", one.b_enc.val());
                write.tensor("b_dec", one.b_dec.val());
            }
            Self::Autoencoder(one) => {
                write.tensor("autoencoder.encoder.0.weight", one.w_enc.val().transpose());
                write.tensor("autoencoder.encoder.0.bias", one.b_enc.val());
                write.tensor("autoencoder.decoder.0.weight", one.w_dec.val().transpose());
                write.tensor("autoencoder.decoder.0.bias", one.b_dec.val());
            }
            _ => {}
        }
        write.0
    }

    /// As pyvene's `state_dict` holds it: a rotation as PyTorch's default parametrisation of R, and pyvene's buffers.
    #[must_use]
    pub fn to_pyvene(&self) -> Tensors {
        let mut write = Writer(self.to_tensors());
        if let Some(rotation) = self.rotation() {
            write.0.remove(WEIGHT);
            let (original, base) = rotation.to_pytorch();
            write.tensor(ORIGINAL[0], original);
            write.tensor(BASE[0], base);
        }
        if let Some(width) = self.width() {
            if self.kind() == Kind::BoundlessRotatedSpace {
                let population = (0..width as i64).collect::<Vec<_>>();
                write.0.insert("intervention_population".to_owned(), TensorData::new(population, [width]));
            }
            for buffer in ["embed_dim", "interchange_dim"] {
                write.0.insert(buffer.to_owned(), TensorData::new(vec![width as i64], [0_usize; 0]));
            }
        }
        write.0
    }
}

/// Collects tensors by name.
struct Writer(Tensors);

impl Writer {
    fn tensor<const D: usize>(&mut self, name: &str, tensor: Tensor<D>) {
        self.0.insert(name.to_owned(), tensor.into_data_dtype(DType::F32));
    }

    fn scalar(&mut self, name: &str, value: f64) {
        self.0.insert(name.to_owned(), TensorData::new(vec![value as f32], [0_usize; 0]));
    }
}

/// Finds tensors by name, and says what is wrong with them.
struct Reader<'a> {
    kind: Kind,
    tensors: &'a Tensors,
    device: Device,
}

impl Reader<'_> {
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

    fn tensor<const D: usize>(&self, name: &str) -> Result<Tensor<D>, Error> {
        let data = self.data(name)?;
        if data.shape().len() != D {
            return self.wrong(format_args!("`{name}` has {} dimensions, not {D}", data.shape().len()));
        }
        Ok(Tensor::from_data(data, &self.device))
    }

    fn shaped<const D: usize>(&self, name: &str, shape: [usize; D]) -> Result<Tensor<D>, Error> {
        let tensor = self.tensor(name)?;
        match tensor.dims() {
            found if found == shape => Ok(tensor),
            found => self.wrong(format_args!("`{name}` has shape {found:?}, not {shape:?}")),
        }
    }

    fn scalar(&self, name: &str) -> Result<f64, Error> {
        match self.data(name)?.iter::<f64>().collect::<Vec<_>>()[..] {
            [value] => Ok(value),
            _ => self.wrong(format_args!("`{name}` is not one number")),
        }
    }

    fn temperature(&self, mut schedule: Temperature) -> Result<Temperature, Error> {
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

    fn rotation(&self, map: Option<Map>) -> Result<Rotation, Error> {
        let rotation = match (self.either(ORIGINAL), self.either(BASE)) {
            (Some(original), Some(base)) if map.is_some() || !self.tensors.contains_key(WEIGHT) => {
                let x = self.tensor::<2>(original)?;
                let [width, rank] = x.dims();
                if rank > width {
                    return self.wrong(format_args!("`{original}` has more columns than rows: {:?}", [width, rank]));
                }
                let base = self.shaped(base, [width, width])?;
                let of = map.unwrap_or(Map::default_for(width, rank));
                let parametrised = Rotation::parametrised(of, x, base, &self.device);
                match map {
                    Some(_) => parametrised,
                    None => Rotation::manifold(parametrised.matrix(), &self.device),
                }
            }
            _ => {
                let r = self.tensor::<2>(WEIGHT)?;
                let [width, rank] = r.dims();
                if rank > width {
                    return self.wrong(format_args!("`{WEIGHT}` has more columns than rows: {:?}", [width, rank]));
                }
                Rotation::from_matrix(map, r, &self.device)
            }
        };
        match orthogonal::error(&rotation.matrix()) {
            error if error < NO_ROTATION => Ok(rotation),
            error => {
                self.wrong(format_args!("the rotation's columns are not orthonormal: RᵀR − I is up to {error:.1e}"))
            }
        }
    }
}
