//! The interchange of principal components.

use burn::module::Module;
use burn::tensor::Tensor;

use super::{Intervention, as_row, blend, times};

/// With `z(x) = ((x − mean) / std) Cᵀ`: the base's z, with the masked components taken from the source, mapped back by
/// `z C std + mean`.
///
/// What lies outside the components is lost, from the base as from the source; with fewer components than columns even
/// an exchange with itself changes a row.
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

    /// The way back.
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
