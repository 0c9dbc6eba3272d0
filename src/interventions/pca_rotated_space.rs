//! The interchange of principal components.

use burn::module::Module;
use burn::tensor::Tensor;

use super::{BuiltIn, Info, InterchangeDim, Intervention, Pyvene, Reader, Writer, as_row, blend, times};
use crate::error::Error;

pub(super) const INFO: Info = Info {
    label: "interchange of principal components",
    ..Info::new(
        "pca_rotated_space",
        Pyvene { saved: false, ..Pyvene::new("PCARotatedSpaceIntervention", InterchangeDim::Ignored) },
    )
};

/// With `z(x) = ((x − mean) / std) Cᵀ`: the base's z, with the masked components taken from the source, mapped back by
/// `z C std + mean`.
///
/// Whatever lies outside the components is lost; with fewer components than columns, exchanging a row with itself
/// changes it.
#[derive(Module, Debug)]
pub struct PcaRotatedSpace {
    /// C, `[components, width]`, rows orthonormal.
    pub components: Tensor<2>,
    /// `[width]`
    pub mean: Tensor<1>,
    /// `[width]`
    pub std: Tensor<1>,
}

impl PcaRotatedSpace {
    /// `z(x)`: `[batch, units, width]` to `[batch, units, components]`.
    fn encode(&self, rows: Tensor<3>) -> Tensor<3> {
        let normed = (rows - as_row(self.mean.clone())) / as_row(self.std.clone());
        times(normed, self.components.clone().transpose())
    }

    /// From components to rows, `[batch, units, width]`.
    fn decode(&self, z: Tensor<3>) -> Tensor<3> {
        times(z, self.components.clone()) * as_row(self.std.clone()) + as_row(self.mean.clone())
    }
}

impl Intervention for PcaRotatedSpace {
    fn forward(&self, _base: Tensor<3>, source: Tensor<3>) -> Tensor<3> {
        self.decode(self.encode(source))
    }

    fn forward_masked(&self, base: Tensor<3>, source: Tensor<3>, mask: Tensor<3>) -> Tensor<3> {
        self.decode(blend(self.encode(base), self.encode(source), mask))
    }

    fn space(&self, _width: usize) -> usize {
        self.components.dims()[0]
    }
}

impl BuiltIn for PcaRotatedSpace {
    fn read(tensors: &Reader<'_>) -> Result<Self, Error> {
        let tensors = tensors.untracked();
        let components = tensors.tensor::<2>("pca_components")?;
        let [_, width] = components.dims();
        let (mean, std) = (tensors.shaped("pca_mean", [width])?, tensors.shaped("pca_std", [width])?);
        Ok(Self { components, mean, std })
    }

    fn write(&self, tensors: &mut Writer) {
        tensors.tensor("pca_components", self.components.clone());
        tensors.tensor("pca_mean", self.mean.clone());
        tensors.tensor("pca_std", self.std.clone());
    }

    fn width(&self) -> Option<usize> {
        Some(self.mean.dims()[0])
    }
}
