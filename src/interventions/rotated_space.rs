//! The interchange in a learned basis: distributed alignment search.

use std::ops::Range;

use burn::module::Module;
use burn::tensor::Tensor;
use rand::Rng;

use super::tensors::ORIGINAL;
use super::{
    BuiltIn, Control, Info, InitialWeights, InterchangeDim, Intervention, Paper, Pyvene, RandomStart, Rank, Reader,
    Subspace, TrainingInfo, edit_in, rotated_edit,
};
use crate::error::Error;
use crate::orthogonal::Rotation;

const TRAINED: TrainingInfo = TrainingInfo {
    shared: Some("DAS, several variables in one basis"),
    ..TrainingInfo::new("Distributed alignment search", Rank::Chosen, Control::Rotation)
};

pub(super) const INFO: Info = Info {
    label: "DAS (distributed alignment search)",
    paper: Some(Paper::arxiv("Geiger et al. 2023", "2303.02536")),
    weights: InitialWeights::DrawnOfRank,
    trained: Some(TRAINED),
    ..Info::new("rotated_space", Pyvene::new("RotatedSpaceIntervention", InterchangeDim::Columns))
};

/// The same with a rank below the width.
pub(super) const LOW_RANK: Info = Info {
    name: "low_rank_rotated_space",
    label: "DAS of low rank",
    trained: Some(TrainingInfo { shared: Some("DAS of low rank"), ..TRAINED }),
    pyvene: Pyvene {
        low_rank_dimension: Some((ORIGINAL[0], 1)),
        ..Pyvene::new("LowRankRotatedSpaceIntervention", InterchangeDim::Width)
    },
    ..INFO
};

/// `base + ((source − base) R ⊙ mask) Rᵀ`, with a mask of ones by default.
///
/// With R of low rank (pyvene's LowRankRotatedSpaceIntervention) this exchanges a subspace and keeps the rest; with R
/// square (pyvene's RotatedSpaceIntervention) and no mask it is the vanilla interchange. (Geiger et al. 2023, "Finding
/// Alignments Between Interpretable Causal Variables and Distributed Neural Representations", arXiv 2303.02536.)
#[derive(Module, Debug)]
pub struct RotatedSpace {
    /// R, `[width, rank]`.
    pub rotation: Rotation,
}

impl RotatedSpace {
    /// In the basis of the rotation's columns.
    #[must_use]
    pub const fn new(rotation: Rotation) -> Self {
        Self { rotation }
    }

    pub(super) fn is_low_rank(&self) -> bool {
        let [width, rank] = self.rotation.dims();
        rank < width
    }

    /// The edit with one mask over R's columns per source: `base + (Σₖ ((sourceₖ − base) R) ⊙ maskₖ) Rᵀ`.
    ///
    /// The variables of a causal model each own some of R's columns; an example swaps a variable by the mask of its
    /// columns. Masks of ones and zeros that do not overlap make the order of the sources irrelevant.
    ///
    /// # Shapes
    /// - base, sources, output: `[batch, units, width]`
    /// - masks: `[batch or 1, units or 1, rank]`
    #[must_use]
    pub fn swap(&self, base: Tensor<3>, swaps: &[(Tensor<3>, Tensor<3>)]) -> Tensor<3> {
        if swaps.is_empty() {
            return base;
        }
        let [_, rank] = self.rotation.dims();
        let [batch, units, _] = base.dims();
        // All differences go through one product: [sources * batch * units, width] x [width, rank].
        let differences = swaps.iter().map(|(source, _)| source.clone() - base.clone()).collect();
        edit_in(&self.rotation, base, Tensor::cat(differences, 0), |rotated| {
            let masked = swaps.iter().enumerate().map(|(k, (_, mask))| {
                let own = rotated.clone().slice([k * batch..(k + 1) * batch, 0..units, 0..rank]);
                own * mask.clone()
            });
            masked.reduce(|sum, next| sum + next).expect("there is a source")
        })
    }

    /// The edit where each source swaps a range of R's columns, the same for all examples:
    /// `base + Σₖ ((sourceₖ − base) Rₖ) Rₖᵀ` with `Rₖ` the columns of the k-th range.
    ///
    /// # Shapes
    /// - base, sources, output: `[batch, units, width]`
    #[must_use]
    pub fn interchange(&self, base: Tensor<3>, swaps: &[(Tensor<3>, Range<usize>)]) -> Tensor<3> {
        let [_, rank] = self.rotation.dims();
        let device = base.device().inner();
        let masked = |(source, range): &(Tensor<3>, Range<usize>)| {
            (source.clone(), Subspace::range_mask(range.clone(), rank, &device))
        };
        self.swap(base, &swaps.iter().map(masked).collect::<Vec<_>>())
    }
}

impl Intervention for RotatedSpace {
    fn forward(&self, base: Tensor<3>, source: Tensor<3>) -> Tensor<3> {
        edit_in(&self.rotation, base.clone(), source - base, |rotated| rotated)
    }

    fn forward_masked(&self, base: Tensor<3>, source: Tensor<3>, mask: Tensor<3>) -> Tensor<3> {
        rotated_edit(&self.rotation, base, source, mask)
    }

    fn forward_swaps(&self, base: Tensor<3>, sources: &[Tensor<3>], columns: &dyn Fn(usize) -> Subspace) -> Tensor<3> {
        let ([batch, ..], rank, device) = (base.dims(), self.rotation.dims()[1], base.device().inner());
        let mask = |(k, source): (usize, &Tensor<3>)| {
            let mask = columns(k).mask(rank, batch, &device);
            (source.clone(), mask.expect("a partition lies within the rank"))
        };
        self.swap(base, &sources.iter().enumerate().map(mask).collect::<Vec<_>>())
    }

    fn space(&self, _width: usize) -> usize {
        self.rotation.dims()[1]
    }

    fn rotation(&self) -> Option<&Rotation> {
        Some(&self.rotation)
    }
}

impl BuiltIn for RotatedSpace {
    fn draw<R: Rng>(start: &mut RandomStart<'_, R>) -> Result<Self, Error> {
        Ok(Self::new(start.rotation()))
    }

    fn read(tensors: &Reader<'_>) -> Result<Self, Error> {
        tensors.rotation().map(Self::new)
    }

    fn hard_rank(&self) -> Option<usize> {
        Some(self.rotation.dims()[1])
    }
}
