//! Interventions: small modules that map base rows and source rows to rows.
//!
//! | intervention | becomes of the base b and the source s | space of its mask |
//! |---|---|---|
//! | [`Vanilla`] | s | the row |
//! | [`Zero`] | 0 | the row |
//! | [`Collect`] | b; its rows are what is wanted | the row |
//! | [`Addition`], [`Subtraction`] | b + s, b − s | the row |
//! | [`Noise`] | b + level · noise | the row |
//! | [`Skip`] | the row that entered the block | the row |
//! | [`RotatedSpace`], of full or of low rank | b + ((s − b) R) Rᵀ | R's columns |
//! | [`BoundlessRotatedSpace`] | b + ((s − b) R ⊙ boundary) Rᵀ | R's columns |
//! | [`SigmoidMaskRotatedSpace`] | b + ((s − b) R ⊙ σ(m / T)) Rᵀ | R's columns |
//! | [`SigmoidMask`] | b + (s − b) ⊙ σ(m / T) | the row |
//! | [`Loreft`] | b + (b W + c − b R) Rᵀ | R's columns |
//! | [`PcaRotatedSpace`] | the exchange of principal components | the components |
//! | [`JumpReluAutoencoder`], [`Autoencoder`] | the exchange of latents | the latents |
//!
//! They are pyvene's (Wu et al. 2024, arXiv 2403.07809) and pyreft's, and compute what those compute. [`AnyIntervention`] is the
//! closed set of them, and reads and writes pyvene's tensors. What several units are to an intervention (one row each, or
//! one long row) is its caller's business: here a row is `width` numbers. All parameters are f32.

mod addition;
mod any;
mod autoencoder;
mod boundless_rotated_space;
mod collect;
mod jump_relu_autoencoder;
mod kind;
mod loreft;
mod noise;
mod pca_rotated_space;
mod rotated_space;
mod sigmoid_mask;
mod sigmoid_mask_rotated_space;
mod skip;
mod subspace;
mod subtraction;
mod temperature;
mod tensors;
mod vanilla;
mod zero;

pub use addition::Addition;
pub use any::AnyIntervention;
pub use autoencoder::Autoencoder;
pub use boundless_rotated_space::BoundlessRotatedSpace;
pub use collect::Collect;
pub use jump_relu_autoencoder::JumpReluAutoencoder;
pub use kind::{Kind, Needs};
pub use loreft::Loreft;
pub use noise::Noise;
pub use pca_rotated_space::PcaRotatedSpace;
pub use rotated_space::RotatedSpace;
pub use sigmoid_mask::SigmoidMask;
pub use sigmoid_mask_rotated_space::SigmoidMaskRotatedSpace;
pub use skip::Skip;
pub use subspace::{Partition, Subspace};
pub use subtraction::Subtraction;
pub use temperature::Temperature;
pub use tensors::{Tensors, constant_source};
pub use vanilla::Vanilla;
pub use zero::Zero;

use burn::module::Module;
use burn::tensor::Tensor;

use crate::orthogonal::Rotation;

/// Maps base rows and source rows to the rows that take the base's place.
///
/// Only [`forward`](Self::forward) is needed for an intervention of one's own.
pub trait Intervention: Module {
    /// # Shapes
    /// - base, source, output: `[batch, units, width]`
    fn forward(&self, base: Tensor<3>, source: Tensor<3>) -> Tensor<3>;

    /// The same in a part of its space, which may differ from example to example: zeros in the mask keep the base's
    /// coordinates. The space is the row itself, unless the intervention has a basis of its own.
    ///
    /// # Shapes
    /// - base, source, output: `[batch, units, width]`
    /// - mask: `[batch or 1, units or 1, space]`, of zeros and ones; see [`Subspace::mask`]
    fn forward_masked(&self, base: Tensor<3>, source: Tensor<3>, mask: Tensor<3>) -> Tensor<3> {
        blend(base.clone(), self.forward(base, source), mask)
    }

    /// With a mask or without.
    fn edit(&self, base: Tensor<3>, source: Tensor<3>, mask: Option<Tensor<3>>) -> Tensor<3> {
        match mask {
            None => self.forward(base, source),
            Some(mask) => self.forward_masked(base, source, mask),
        }
    }

    /// The number of columns of its space, for rows of a width.
    fn space(&self, width: usize) -> usize {
        width
    }

    /// Told once per step how far the training is, from 0 to 1.
    fn anneal(&mut self, _progress: f64) {}

    /// What may be added to the loss, `[1]`: how much of its space the intervention takes.
    fn penalty(&self) -> Option<Tensor<1>> {
        None
    }
}

/// `(1 − mask) ⊙ from + mask ⊙ to`: exact where the mask is 0 or 1.
pub(crate) fn blend(from: Tensor<3>, to: Tensor<3>, mask: Tensor<3>) -> Tensor<3> {
    from * (-mask.clone() + 1.0) + to * mask
}

/// Rows times a matrix, as one product of two dimensions.
///
/// # Shapes
/// - rows: `[batch, units, n]`, matrix: `[n, m]`, output: `[batch, units, m]`
fn times(rows: Tensor<3>, matrix: Tensor<2>) -> Tensor<3> {
    let [batch, units, n] = rows.dims();
    let m = matrix.dims()[1];
    rows.reshape([batch * units, n]).matmul(matrix).reshape([batch, units, m])
}

/// `base + ((source − base) R ⊙ mask) Rᵀ`
fn rotated_edit(rotation: &Rotation, base: Tensor<3>, source: Tensor<3>, mask: Tensor<3>) -> Tensor<3> {
    edit_in(rotation, base.clone(), source - base, |rotated| rotated * mask)
}

/// `base + f(differences R) Rᵀ`
///
/// # Shapes
/// - base, output: `[batch, units, width]`, differences: `[sources × batch, units, width]`
/// - f: `[sources × batch, units, rank]` to `[batch, units, rank]`
fn edit_in(
    rotation: &Rotation,
    base: Tensor<3>,
    differences: Tensor<3>,
    f: impl FnOnce(Tensor<3>) -> Tensor<3>,
) -> Tensor<3> {
    let [batch, units, width] = base.dims();
    let [all, _, _] = differences.dims();
    let [_, rank] = rotation.dims();
    let r = rotation.projected(all * units);
    let rotated = r.rotate(differences.reshape([all * units, width])).reshape([all, units, rank]);
    let edit = r.back(f(rotated).reshape([batch * units, rank]));
    base + edit.reshape([batch, units, width])
}

/// A vector against rows: `[n]` to `[1, 1, n]`.
fn as_row(vector: Tensor<1>) -> Tensor<3> {
    vector.unsqueeze()
}
