//! What a search trains, and an evaluation judges.

use std::ops::Range;

use burn::module::Module;
use burn::tensor::Tensor;

use super::Partition;
use super::interchange::Batch;
use crate::interventions::{AnyIntervention, Intervention, RotatedSpace, Subspace};

/// Interventions, one for each place, and which columns of their rotations carry which variable.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The interventions.
    pub interventions: Vec<AnyIntervention>,
    /// The variables' columns.
    pub partition: Partition,
}

impl Candidate {
    /// Off the tape.
    #[must_use]
    pub fn valid(&self) -> Self {
        Self { interventions: self.interventions.valid(), partition: self.partition.clone() }
    }

    /// What becomes of the base's rows at a place, for a range of a batch's examples.
    ///
    /// # Shapes
    /// - base: `[batch, units, width]`
    /// - output: `[range, units, width]`
    #[must_use]
    pub fn rewrite(&self, place: usize, base: &Tensor<3>, batch: &Batch, range: Range<usize>) -> Tensor<3> {
        let cut = |rows: &Tensor<3>| rows.clone().narrow(0, range.start, range.len());
        let sources: Vec<Tensor<3>> = batch.parts[place].sources.iter().map(cut).collect();
        rewrite(&self.interventions[place], &self.partition, cut(base), &sources, &batch.swapped[range.clone()])
    }
}

/// The base's rows with each variable's value from its source, in the columns of the rotation that the partition gives
/// it. `swapped` lists the variables of each example, one for each of its sources.
///
/// Only a rotated space has columns to share among variables; every other intervention takes one source, whole. Without a
/// source the base is its own.
///
/// # Shapes
/// - base, sources, output: `[batch, units, width]`
#[must_use]
pub fn rewrite(
    intervention: &AnyIntervention,
    partition: &Partition,
    base: Tensor<3>,
    sources: &[Tensor<3>],
    swapped: &[Vec<usize>],
) -> Tensor<3> {
    match (intervention, sources) {
        (_, []) => intervention.forward(base.clone(), base),
        (AnyIntervention::RotatedSpace(space), _) if !takes_all(partition, swapped) => {
            let mask = |(k, rows): (usize, &Tensor<3>)| (rows.clone(), mask(space, partition, swapped, k));
            space.swap(base, &sources.iter().enumerate().map(mask).collect::<Vec<_>>())
        }
        (_, [source, ..]) => intervention.forward(base, source.clone()),
    }
}

/// Does every example swap one variable, which has all columns?
fn takes_all(partition: &Partition, swapped: &[Vec<usize>]) -> bool {
    partition.is_whole() && swapped.iter().all(|swapped| swapped.len() == 1)
}

/// Ones in the columns that each example's k-th source fills, `[batch or 1, 1, rank]`.
fn mask(space: &RotatedSpace, partition: &Partition, swapped: &[Vec<usize>], k: usize) -> Tensor<3> {
    let columns = |swapped: &Vec<usize>| -> Vec<usize> {
        swapped.get(k).map_or_else(Vec::new, |variable| partition.columns(*variable).collect())
    };
    let filled = match swapped.windows(2).all(|two| two[0] == two[1]) {
        true => Subspace::Same(columns(&swapped[0])),
        false => Subspace::PerExample(swapped.iter().map(columns).collect()),
    };
    let rotation = space.rotation.matrix();
    let mask = filled.mask(rotation.dims()[1], swapped.len(), &rotation.device().inner());
    mask.expect("a partition lies within the rank")
}
