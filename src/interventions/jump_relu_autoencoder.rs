//! The interchange of latents of a JumpReLU sparse autoencoder.

use std::ops::Range;

use burn::module::{Module, Param};
use burn::tensor::{Tensor, activation};

use super::{
    BuiltIn, Info, InterchangeDim, Intervention, Paper, Pyvene, Reader, Subspace, Writer, as_row, blend, times,
};
use crate::error::Error;

pub(super) const INFO: Info = Info {
    label: "interchange of an autoencoder's latents",
    paper: Some(Paper::arxiv("Rajamanoharan et al. 2024", "2407.14435")),
    ..Info::new(
        "jump_relu_autoencoder",
        Pyvene {
            low_rank_dimension: Some(("threshold", 0)),
            ..Pyvene::new("JumpReLUAutoencoderIntervention", InterchangeDim::Latents)
        },
    )
};

/// With `z(x) = relu(p) ⊙ [p > threshold]`, `p = x W_enc + b_enc`: the base's z, with some latents taken from the source,
/// decoded by `z W_dec + b_dec`. (Rajamanoharan et al. 2024, "Jumping Ahead: Improving Reconstruction Fidelity with
/// JumpReLU Sparse Autoencoders", arXiv 2407.14435; the weights of Gemma Scope are of this form.)
///
/// The base's reconstruction error is not added back.
#[derive(Module, Debug)]
pub struct JumpReluAutoencoder {
    /// `[width, latents]`
    pub w_enc: Param<Tensor<2>>,
    /// `[latents, width]`
    pub w_dec: Param<Tensor<2>>,
    /// `[latents]`
    pub threshold: Param<Tensor<1>>,
    /// `[latents]`
    pub b_enc: Param<Tensor<1>>,
    /// `[width]`
    pub b_dec: Param<Tensor<1>>,
    /// The latents that are exchanged without a mask; in pyvene, the first as many as the row is wide.
    #[module(skip)]
    pub exchanged: Range<usize>,
}

impl JumpReluAutoencoder {
    /// `z(x)`: `[batch, units, width]` to `[batch, units, latents]`.
    #[must_use]
    pub fn encode(&self, rows: Tensor<3>) -> Tensor<3> {
        let before = times(rows, self.w_enc.val()) + as_row(self.b_enc.val());
        let open = before.clone().greater(as_row(self.threshold.val())).float();
        activation::relu(before) * open
    }

    /// From latents to rows, `[batch, units, width]`.
    #[must_use]
    pub fn decode(&self, latents: Tensor<3>) -> Tensor<3> {
        times(latents, self.w_dec.val()) + as_row(self.b_dec.val())
    }
}

impl Intervention for JumpReluAutoencoder {
    fn forward(&self, base: Tensor<3>, source: Tensor<3>) -> Tensor<3> {
        let mask = Subspace::range_mask(self.exchanged.clone(), self.space(0), &base.device());
        self.forward_masked(base, source, mask)
    }

    fn forward_masked(&self, base: Tensor<3>, source: Tensor<3>, mask: Tensor<3>) -> Tensor<3> {
        self.decode(blend(self.encode(base), self.encode(source), mask))
    }

    fn space(&self, _width: usize) -> usize {
        self.threshold.val().dims()[0]
    }
}

impl BuiltIn for JumpReluAutoencoder {
    fn read(tensors: &Reader<'_>) -> Result<Self, Error> {
        let w_enc = tensors.tensor::<2>("W_enc")?;
        let [width, latents] = w_enc.dims();
        Ok(Self {
            w_enc: Param::from_tensor(w_enc),
            w_dec: tensors.param("W_dec", [latents, width])?,
            threshold: tensors.param("threshold", [latents])?,
            b_enc: tensors.param("b_enc", [latents])?,
            b_dec: tensors.param("b_dec", [width])?,
            exchanged: 0..width.min(latents),
        })
    }

    fn write(&self, tensors: &mut Writer) {
        tensors.tensor("W_enc", self.w_enc.val());
        tensors.tensor("W_dec", self.w_dec.val());
        tensors.tensor("threshold", self.threshold.val());
        tensors.tensor("b_enc", self.b_enc.val());
        tensors.tensor("b_dec", self.b_dec.val());
    }

    fn width(&self) -> Option<usize> {
        Some(self.b_dec.val().dims()[0])
    }
}
