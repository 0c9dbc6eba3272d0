//! Interventions: small modules that map base rows and source rows to rows.
//!
//! The documentation of each opens with its formula and names the space that its masks act on, if that is not the row.
//! They are those of pyvene (Wu et al. 2024, arXiv 2403.07809) and pyreft, with the same results. [`AnyIntervention`] is
//! any of them, and reads and writes pyvene's tensors; [`Kind::info`] describes each. A row is `width` numbers: the caller
//! decides whether several units are one row each or one long row. All parameters are f32.
//!
//! An intervention is one file and one row of the table below. The file holds the module, its [`Intervention`], its
//! `BuiltIn` (how it is drawn, read and written) and its [`Info`].

#[macro_use]
mod built_in;
#[macro_use]
mod table;

mod any;
mod info;
mod subspace;
mod temperature;
mod tensors;

pub use info::{Control, Info, InitialWeights, InterchangeDim, Needs, Paper, Pyvene, Rank, RateGroup, TrainingInfo};
pub use subspace::{Subspace, SubspacePartition};
pub use temperature::Temperature;
pub use tensors::{NamedTensors, constant_source};

pub(crate) use built_in::{BuiltIn, RandomStart};
pub(crate) use tensors::{Reader, Writer};

use burn::module::{Module, ParamId};
use burn::tensor::{Device, Tensor};
use rand::Rng;

use crate::error::{Error, named};
use crate::orthogonal::Rotation;
use crate::text::serde_as_text;

// A row is `module: Type`, and the kind of its low-rank form if that has a name of its own. Rows declare the modules, so
// `cargo fmt` needs their paths: see `.ci/run`.
interventions! {
    vanilla: Vanilla;
    zero: Zero;
    collect: Collect;
    addition: Addition;
    subtraction: Subtraction;
    noise: Noise;
    skip: Skip;
    rotated_space: RotatedSpace, LowRankRotatedSpace;
    boundless_rotated_space: BoundlessRotatedSpace;
    sigmoid_mask: SigmoidMask;
    sigmoid_mask_rotated_space: SigmoidMaskRotatedSpace;
    loreft: Loreft;
    pca_rotated_space: PcaRotatedSpace;
    jump_relu_autoencoder: JumpReluAutoencoder;
    autoencoder: Autoencoder;
}

// pyvene's class names are read too.
named!(Kind, "intervention", Kind::pyvene);
serde_as_text!(Kind);

/// Distributed alignment search.
impl Default for Kind {
    fn default() -> Self {
        Self::RotatedSpace
    }
}

/// Maps base rows and source rows to the rows that take the base's place.
///
/// A custom intervention needs only [`forward`](Self::forward); to be trained with a [`Rotation`], also
/// [`rotation`](Self::rotation).
pub trait Intervention: Module {
    /// # Shapes
    /// - base, source, output: `[batch, units, width]`
    fn forward(&self, base: Tensor<3>, source: Tensor<3>) -> Tensor<3>;

    /// The same in a subspace, which may differ between examples: the base's coordinates stay where the mask is zero. The
    /// space is the row itself, unless the intervention has a basis of its own.
    ///
    /// # Shapes
    /// - base, source, output: `[batch, units, width]`
    /// - mask: `[batch or 1, units or 1, space]`, of zeros and ones; see [`Subspace::mask`]
    fn forward_masked(&self, base: Tensor<3>, source: Tensor<3>, mask: Tensor<3>) -> Tensor<3> {
        blend(base.clone(), self.forward(base, source), mask)
    }

    /// [`forward_masked`](Self::forward_masked) with a mask, [`forward`](Self::forward) without.
    fn edit(&self, base: Tensor<3>, source: Tensor<3>, mask: Option<Tensor<3>>) -> Tensor<3> {
        match mask {
            None => self.forward(base, source),
            Some(mask) => self.forward_masked(base, source, mask),
        }
    }

    /// The edit with several sources, each in columns of its own: `columns(k)` are those of the k-th source, per example.
    /// The default, for interventions whose columns cannot be shared among variables, is the edit with the first source.
    ///
    /// # Shapes
    /// - base, sources, output: `[batch, units, width]`
    fn forward_swaps(&self, base: Tensor<3>, sources: &[Tensor<3>], _columns: &dyn Fn(usize) -> Subspace) -> Tensor<3> {
        self.forward(base, sources[0].clone())
    }

    /// The number of columns of its space, for rows of a width.
    fn space(&self, width: usize) -> usize {
        width
    }

    /// A term that may be added to the loss, `[1]`: how much of its space the intervention takes.
    fn penalty(&self) -> Option<Tensor<1>> {
        None
    }

    /// Its rotation. A parameter on the manifold stays orthonormal because the optimiser finds it here.
    fn rotation(&self) -> Option<&Rotation> {
        None
    }

    /// The parameters that have a learning rate of their own. All others have the rotation's.
    fn groups(&self) -> Vec<(ParamId, RateGroup)> {
        Vec::new()
    }

    /// The present temperature of its soft mask.
    fn temperature(&self) -> Option<f64> {
        None
    }

    /// The temperature of its soft mask, with its schedule.
    fn temperature_mut(&mut self) -> Option<&mut Temperature> {
        None
    }

    /// Called before each step with the progress of the training, from 0 to 1. The default sets the temperature.
    fn anneal(&mut self, progress: f64) {
        if let Some(temperature) = self.temperature_mut() {
            temperature.anneal(progress);
        }
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
