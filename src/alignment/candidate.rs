//! What a search trains, and an evaluation judges.

use std::ops::Range;

use burn::tensor::Tensor;

use super::Partition;
use super::interchange::Batch;
use crate::interventions::{AnyIntervention, Intervention, Subspace};

/// Interventions, one for each location, and the columns of their rotations that carry each variable.
#[derive(Clone, Debug)]
pub struct Candidate<I = AnyIntervention> {
    /// The interventions.
    pub interventions: Vec<I>,
    /// The variables' columns.
    pub partition: Partition,
}

/// A change to the base's rows at the locations of a batch.
pub trait Rewrite {
    /// The new rows at a location, for a range of a batch's examples.
    ///
    /// # Shapes
    /// - base: `[batch, units, width]`
    /// - output: `[range, units, width]`
    fn rewrite(&self, location: usize, base: &Tensor<3>, batch: &Batch, range: Range<usize>) -> Tensor<3>;
}

impl<I: Intervention> Candidate<I> {
    /// One intervention, at one location, that serves one variable.
    pub fn single(intervention: I) -> Self {
        Self { interventions: vec![intervention], partition: Partition::single() }
    }

    /// The candidate off the tape.
    #[must_use]
    pub fn valid(&self) -> Self {
        let interventions = self.interventions.iter().map(burn::module::Module::valid).collect();
        Self { interventions, partition: self.partition.clone() }
    }
}

impl<I: Intervention> Rewrite for Candidate<I> {
    /// Each variable's value comes from its own source, in the columns that the partition gives it; where one variable has
    /// all columns, the first source serves the whole intervention. Without a source the base is used as the source.
    fn rewrite(&self, location: usize, base: &Tensor<3>, batch: &Batch, range: Range<usize>) -> Tensor<3> {
        let cut = |rows: &Tensor<3>| rows.clone().narrow(0, range.start, range.len());
        let (intervention, base) = (&self.interventions[location], cut(base));
        let sources: Vec<Tensor<3>> = batch.locations[location].sources.iter().map(cut).collect();
        let swapped = &batch.swapped[range.clone()];
        match &sources[..] {
            [] => intervention.forward(base.clone(), base),
            [source, ..] if self.takes_all(swapped) => intervention.forward(base, source.clone()),
            _ => intervention.forward_swaps(base, &sources, &|source| self.columns(swapped, source)),
        }
    }
}

impl<I> Candidate<I> {
    fn takes_all(&self, swapped: &[Vec<usize>]) -> bool {
        self.partition.is_whole() && swapped.iter().all(|swapped| swapped.len() == 1)
    }

    /// The columns that each example's source of a number fills.
    fn columns(&self, swapped: &[Vec<usize>], source: usize) -> Subspace {
        let columns = |swapped: &Vec<usize>| -> Vec<usize> {
            swapped.get(source).map_or_else(Vec::new, |variable| self.partition.columns(*variable).collect())
        };
        match swapped.windows(2).all(|two| two[0] == two[1]) {
            true => Subspace::Same(columns(&swapped[0])),
            false => Subspace::PerExample(swapped.iter().map(columns).collect()),
        }
    }
}
