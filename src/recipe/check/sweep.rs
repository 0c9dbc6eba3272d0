//! `[sweep]`.

use super::{Mistake, NO_VALIDATION, positive, wrong};
use crate::recipe::{Recipe, SweepSection};

impl Recipe {
    pub(super) fn check_sweep(&self, sweep: &SweepSection) -> Result<(), Mistake> {
        if self.model.source.is_none() {
            return wrong("sweep", "only for a language model: set model.source");
        }
        if !self.validates() {
            return wrong("sweep", NO_VALIDATION);
        }
        if !self.also.is_empty() {
            return wrong("also", "a cell of a sweep is one place: leave it out");
        }
        sweep.check().map_err(|(axis, problem)| (format!("sweep.{axis}"), problem))?;
        let (kind, component) = (self.intervention.kind, self.intervention.component);
        if sweep.heads.is_some() && !component.is_head() {
            return wrong("sweep.heads", format!("{component} is not one of the `head_` components"));
        }
        if let Some(ranks) = &sweep.ranks {
            if !kind.info().chooses_rank() {
                return wrong("sweep.ranks", format!("a {kind} has no rank to choose"));
            }
            let least = ranks.values(0).into_iter().min().unwrap_or(0);
            if least == 0 {
                return wrong("sweep.ranks", "at least 1");
            }
            if let Some((name, [_, end])) = self.intervention.partition.iter().find(|(_, [_, end])| *end > least) {
                return wrong("sweep.ranks", format!("rank {least} lacks columns of `{name}`, which end at {end}"));
            }
        }
        sweep.steps.map_or(Ok(()), |steps| positive("sweep.steps", steps))
    }
}
