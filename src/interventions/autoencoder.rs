//! The interchange of latents of an autoencoder.

use std::ops::Range;

use burn::module::{Module, Param};
use burn::tensor::{Tensor, activation};

use super::{BuiltIn, Info, InterchangeDim, Intervention, Pyvene, Reader, Subspace, Writer, as_row, blend, times};
use crate::error::Error;

pub(super) const INFO: Info = Info {
    label: "interchange of an autoencoder's latents",
    ..Info::new(
        "autoencoder",
        Pyvene {
            latent_dim: Some(("autoencoder.encoder.0.bias", 0)),
            ..Pyvene::new("AutoencoderIntervention", InterchangeDim::Latent)
        },
    )
};

/// With `z(x) = relu((x − b_dec) W_enc + b_enc)`: the base's z, with some latents taken from the source, decoded by
/// `z W_dec + b_dec`.
///
/// The base's reconstruction error is not added back.
#[derive(Module, Debug)]
pub struct Autoencoder {
    /// `[width, latents]`
    pub w_enc: Param<Tensor<2>>,
    /// `[latents]`
    pub b_enc: Param<Tensor<1>>,
    /// `[latents, width]`
    pub w_dec: Param<Tensor<2>>,
    /// `[width]`
    pub b_dec: Param<Tensor<1>>,
    /// The latents that are exchanged without a mask; in pyvene, the one whose number is the row's width.
    #[module(skip)]
    pub exchanged: Range<usize>,
}

impl Autoencoder {
    /// `z(x)`: `[batch, units, width]` to `[batch, units, latents]`.
    #[must_use]
    pub fn encode(&self, rows: Tensor<3>) -> Tensor<3> {
        activation::relu(times(rows - as_row(self.b_dec.val()), self.w_enc.val()) + as_row(self.b_enc.val()))
    }

    /// From latents to rows, `[batch, units, width]`.
    #[must_use]
    pub fn decode(&self, latents: Tensor<3>) -> Tensor<3> {
        times(latents, self.w_dec.val()) + as_row(self.b_dec.val())
    }
}

impl Intervention for Autoencoder {
    fn forward(&self, base: Tensor<3>, source: Tensor<3>) -> Tensor<3> {
        let mask = Subspace::range_mask(self.exchanged.clone(), self.space(0), &base.device());
        self.forward_masked(base, source, mask)
    }

    fn forward_masked(&self, base: Tensor<3>, source: Tensor<3>, mask: Tensor<3>) -> Tensor<3> {
        self.decode(blend(self.encode(base), self.encode(source), mask))
    }

    fn space(&self, _width: usize) -> usize {
        self.b_enc.val().dims()[0]
    }
}

impl BuiltIn for Autoencoder {
    fn read(tensors: &Reader<'_>) -> Result<Self, Error> {
        let [latents, width] = tensors.untracked().tensor::<2>("autoencoder.encoder.0.weight")?.dims();
        Ok(Self {
            w_enc: tensors.linear("autoencoder.encoder.0.weight", [width, latents])?,
            b_enc: tensors.param("autoencoder.encoder.0.bias", [latents])?,
            w_dec: tensors.linear("autoencoder.decoder.0.weight", [latents, width])?,
            b_dec: tensors.param("autoencoder.decoder.0.bias", [width])?,
            // pyvene exchanges the one latent whose number is the width; where there is none, all of them.
            exchanged: if width < latents { width..width + 1 } else { 0..latents },
        })
    }

    fn write(&self, tensors: &mut Writer) {
        tensors.tensor("autoencoder.encoder.0.weight", self.w_enc.val().transpose());
        tensors.tensor("autoencoder.encoder.0.bias", self.b_enc.val());
        tensors.tensor("autoencoder.decoder.0.weight", self.w_dec.val().transpose());
        tensors.tensor("autoencoder.decoder.0.bias", self.b_dec.val());
    }

    fn width(&self) -> Option<usize> {
        Some(self.b_dec.val().dims()[0])
    }
}
