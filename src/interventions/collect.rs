//! Reading activations.

use burn::module::Module;
use burn::tensor::Tensor;

use super::{Info, InitialWeights, InterchangeDim, Intervention, Needs, Pyvene, Subspace};
use crate::error::Error;

pub(super) const INFO: Info = Info {
    label: "collection of rows",
    needs: Needs::Nothing,
    weights: InitialWeights::None,
    collects: true,
    ..Info::new("collect", Pyvene { constant: true, ..Pyvene::new("CollectIntervention", InterchangeDim::Columns) })
};

/// The base, unchanged: its rows are collected. It reads no source.
#[derive(Module, Debug)]
pub struct Collect {}

impl Collect {
    /// The rows as they are, or their columns in a subspace.
    ///
    /// # Shapes
    /// - base: `[batch, units, width]`
    /// - output: `[batch, units, columns]`
    pub fn collect(&self, base: Tensor<3>, subspace: Option<&Subspace>) -> Result<Tensor<3>, Error> {
        match subspace {
            None => Ok(base),
            Some(subspace) => subspace.select(base),
        }
    }
}

impl Intervention for Collect {
    fn forward(&self, base: Tensor<3>, _source: Tensor<3>) -> Tensor<3> {
        base
    }

    fn forward_masked(&self, base: Tensor<3>, _source: Tensor<3>, _mask: Tensor<3>) -> Tensor<3> {
        base
    }
}

without_parameters!(Collect);
