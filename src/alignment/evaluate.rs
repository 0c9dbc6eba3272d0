//! How well an intervention does: interchange intervention accuracy (IIA), and the controls beside it.

use std::ops::Range;

use burn::tensor::Tensor;

use super::cache::Cache;
use super::network::count_hits;
use super::search::rewrite;
use super::step;
use super::{Alignment, HeldOut};
use crate::error::Error;
use crate::interventions::AnyIntervention;

/// Hits out of trials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Score {
    /// How often the network said what the causal model says.
    pub hits: usize,
    /// How often it was asked.
    pub trials: usize,
}

impl Score {
    /// The share of hits.
    #[must_use]
    pub fn mean(self) -> f64 {
        self.hits as f64 / self.trials as f64
    }
}

/// The scores of one intervention, swap by swap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scores(pub Vec<(String, Score)>);

impl Scores {
    /// All swaps together.
    #[must_use]
    pub fn overall(&self) -> Score {
        self.0.iter().fold(Score::default(), |sum, (_, score)| Score {
            hits: sum.hits + score.hits,
            trials: sum.trials + score.trials,
        })
    }
}

impl Alignment<'_> {
    /// Interchange intervention accuracy of an intervention: the share of pairs where argmax is the causal model's label.
    pub fn iia(&self, held_out: &HeldOut, found: &AnyIntervention) -> Result<Scores, Error> {
        self.accuracy_under(held_out, |base, sources| rewrite(found, base, sources))
    }

    /// Nothing is swapped: how often the base's own answer happens to be the counterfactual one.
    pub fn no_intervention(&self, held_out: &HeldOut) -> Result<Scores, Error> {
        self.accuracy_under(held_out, |base, _| base)
    }

    /// The whole site is swapped, from the first source.
    pub fn full_swap(&self, held_out: &HeldOut) -> Result<Scores, Error> {
        self.accuracy_under(held_out, |_, sources| sources[0].0.clone())
    }

    /// How often the network gives the causal model's label when `edit` maps the base's rows, and each source's rows
    /// with its columns, to the rows that go on.
    fn accuracy_under(
        &self,
        held_out: &HeldOut,
        edit: impl Fn(Tensor<3>, &[(Tensor<3>, Range<usize>)]) -> Tensor<3>,
    ) -> Result<Scores, Error> {
        let mut scores = Vec::new();
        for (name, batches) in &held_out.batches {
            let mut score = Score::default();
            for batch in batches {
                let logits = step::interchange(self.model, batch, &|at, base| edit(base, &batch.parts[at].sources))?;
                score.hits += count_hits(logits, &batch.labels, None);
                score.trials += batch.len();
            }
            scores.push((name.clone(), score));
        }
        Ok(Scores(scores))
    }
}

/// Pairs of prompts that are evaluated at once.
const PROMPTS: usize = 32;

impl Cache<'_> {
    /// Interchange intervention accuracy of interventions, one for each place, on the cached pairs, by the variables
    /// that they swap.
    pub fn iia(&self, names: &[String], found: &[AnyIntervention]) -> Result<Scores, Error> {
        self.accuracy_under(names, &|part, base, sources| rewrite(&found[part], base, sources))
    }

    /// Nothing is swapped.
    pub fn no_intervention(&self, names: &[String]) -> Result<Scores, Error> {
        self.accuracy_under(names, &|_, base, _| base)
    }

    /// The whole rows are swapped, from the first source.
    pub fn full_swap(&self, names: &[String]) -> Result<Scores, Error> {
        self.accuracy_under(names, &|_, base, sources| sources.first().map_or(base, |(source, _)| source.clone()))
    }

    fn accuracy_under(&self, names: &[String], edit: &Edit<'_>) -> Result<Scores, Error> {
        let mut scores = Vec::new();
        for (swapped, pairs) in self.groups() {
            let name: Vec<&str> = swapped.iter().map(|variable| names[*variable].as_str()).collect();
            let mut score = Score { hits: 0, trials: pairs.len() };
            for pairs in pairs.chunks(PROMPTS) {
                let batch = self.batch(pairs)?;
                let edit = |at: usize, base| edit(at, base, &batch.parts[at].sources);
                let logits = step::interchange(self.model, &batch, &edit)?;
                score.hits += count_hits(logits, &batch.labels, batch.weights.as_ref());
            }
            scores.push((name.join("+"), score));
        }
        Ok(Scores(scores))
    }
}

/// Maps a part's base rows, and each source's rows with its columns, to the rows that go on.
type Edit<'a> = dyn Fn(usize, Tensor<3>, &[(Tensor<3>, Range<usize>)]) -> Tensor<3> + 'a;
