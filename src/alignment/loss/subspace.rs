//! The interventions' own penalties: how much of its space each exchanges.

use burn::tensor::Tensor;

use crate::alignment::Candidate;
use crate::interventions::Intervention;

/// The share of the columns, or of the mask, that the interventions exchange, summed, `[1]`; `None` without a penalty.
#[must_use]
pub fn taken<I: Intervention>(candidate: &Candidate<I>) -> Option<Tensor<1>> {
    candidate.interventions.iter().filter_map(Intervention::penalty).reduce(|sum, taken| sum + taken)
}
