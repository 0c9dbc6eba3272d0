//! Counterfactual data: a base, a source for each swapped variable, and the causal model's outcome.

use rand::Rng;

use super::{CausalModel, Setting, Variable};
use crate::error::Error;

/// One interchange intervention on a causal model.
#[derive(Clone, Debug)]
pub struct Counterfactual<V> {
    /// The run that is intervened on.
    pub base: Setting<V>,
    /// The swapped variables, each with the run that supplies its value.
    pub sources: Vec<(Variable, Setting<V>)>,
    /// The base's run with the variables swapped.
    pub outcome: Setting<V>,
}

impl<V: Clone + PartialEq> CausalModel<V> {
    /// Returns the interchange of each source's variable into the base.
    #[must_use]
    pub fn counterfactual(&self, base: Setting<V>, sources: Vec<(Variable, Setting<V>)>) -> Counterfactual<V> {
        let swaps: Vec<(Variable, &Setting<V>)> = sources.iter().map(|(v, source)| (*v, source)).collect();
        let outcome = self.interchange(&base, &swaps);
        Counterfactual { base, sources, outcome }
    }

    /// Draws `count` inputs and returns the runs on them.
    pub fn factual_dataset(&self, count: usize, rng: &mut dyn Rng) -> Result<Vec<Setting<V>>, Error> {
        (0..count).map(|_| self.sample(rng)).collect()
    }

    /// Draws `count` interchanges of the given variables; the base and the sources are drawn independently.
    pub fn counterfactual_dataset(
        &self,
        count: usize,
        swapped: &[Variable],
        rng: &mut dyn Rng,
    ) -> Result<Vec<Counterfactual<V>>, Error> {
        let draw = |_| {
            let base = self.sample(rng)?;
            let sources = swapped.iter().map(|v| Ok((*v, self.sample(rng)?))).collect::<Result<_, Error>>()?;
            Ok(self.counterfactual(base, sources))
        };
        (0..count).map(draw).collect()
    }
}
