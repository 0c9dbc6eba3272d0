//! How well interventions do on held-out pairs: interchange intervention accuracy (IIA), and the controls beside it.

use std::ops::Range;

use burn::tensor::Tensor;

use super::interchange::{Batch, interchange};
use super::loss::{self, Loss};
use super::scores::hits;
use super::{Candidate, PairSet, Problem, Rewrite, Score, Scores, Validated};
use crate::error::Error;
use crate::interventions::Intervention;
use crate::models::FrozenModel;
use crate::tasks::Split;

/// What is done to the base's rows.
#[derive(Clone, Copy)]
pub enum Edit<'a> {
    /// Nothing is changed, which measures how often the base's own answer is the counterfactual one.
    Nothing,
    /// They are swapped whole, from the first source.
    Full,
    /// What the candidate does.
    Candidate(&'a dyn Rewrite),
}

impl Edit<'_> {
    /// The new rows at a place, from the base's rows `[batch, units, width]`, for a range of a batch's examples.
    fn rewrite(self, place: usize, base: &Tensor<3>, batch: &Batch, range: Range<usize>) -> Tensor<3> {
        let cut = |rows: &Tensor<3>| rows.clone().narrow(0, range.start, range.len());
        match (self, batch.locations[place].sources.first()) {
            (Self::Candidate(candidate), _) => candidate.rewrite(place, base, batch, range),
            (Self::Full, Some(source)) => cut(source),
            (Self::Full, None) | (Self::Nothing, _) => cut(base),
        }
    }
}

/// The result of one pair under one edit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Whether the model gives the label.
    pub hit: bool,
    /// The label's loss, where it was asked for.
    pub loss: f64,
}

/// The pairs of a split of a problem, to be evaluated under edits.
pub struct Evaluation<'a> {
    model: &'a dyn FrozenModel,
    variables: &'a [String],
    pairs: &'a dyn PairSet,
}

impl<'a> Evaluation<'a> {
    /// `None` where the problem has no pairs for the split.
    #[must_use]
    pub fn new(problem: &'a dyn Problem, split: Split) -> Option<Self> {
        let pairs = problem.held_out(split)?;
        Some(Self { model: problem.model(), variables: problem.variables(), pairs })
    }

    /// The number of pairs.
    #[must_use]
    pub fn pairs(&self) -> usize {
        self.pairs.len()
    }

    /// The interchange intervention accuracy of a candidate, by the variables that the pairs swap.
    pub fn iia(&self, candidate: &dyn Rewrite) -> Result<Scores, Error> {
        let outcomes = self.outcomes(&[Edit::Candidate(candidate)], None)?;
        Ok(self.scores(&outcomes[0], |_| true))
    }

    /// The IIA and the mean loss of candidates over all pairs.
    pub fn validate<I: Intervention>(&self, candidates: &[&Candidate<I>], loss: Loss) -> Result<Vec<Validated>, Error> {
        let edits: Vec<Edit<'_>> = candidates.iter().map(|candidate| Edit::Candidate(*candidate)).collect();
        let pairs = self.pairs.len() as f64;
        let mean = |outcomes: Vec<Outcome>| Validated {
            iia: outcomes.iter().filter(|outcome| outcome.hit).count() as f64 / pairs,
            loss: outcomes.iter().map(|outcome| outcome.loss).sum::<f64>() / pairs,
        };
        Ok(self.outcomes(&edits, Some(loss))?.into_iter().map(mean).collect())
    }

    /// The scores of outcomes by the variables that the pairs swap (`WX`, or `WX+YZ` for several at once), over the pairs
    /// whose number `counts`.
    #[must_use]
    pub fn scores(&self, outcomes: &[Outcome], counts: impl Fn(usize) -> bool) -> Scores {
        let mut scores: Vec<(String, Score)> = Vec::new();
        for (pair, outcome) in outcomes.iter().enumerate().filter(|(pair, _)| counts(*pair)) {
            let swapped = self.pairs.swapped(pair);
            let names: Vec<&str> = swapped.iter().map(|variable| self.variables[*variable].as_str()).collect();
            let name = if names.is_empty() { self.variables[0].clone() } else { names.join("+") };
            let at = scores.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
                scores.push((name, Score::default()));
                scores.len() - 1
            });
            scores[at].1.hits += usize::from(outcome.hit);
            scores[at].1.trials += 1;
        }
        Scores(scores)
    }

    /// The scores of outcomes on the pairs whose answer an interchange has to change (`false`), or must not (`true`).
    #[must_use]
    pub fn scores_keeping(&self, outcomes: &[Outcome], keeps_answer: bool) -> Scores {
        self.scores(outcomes, |pair| self.pairs.keeps_answer(pair) == keeps_answer)
    }

    /// The outcome of each pair under each of the edits. All edits run together, and pairs that are alike run once.
    pub fn outcomes(&self, edits: &[Edit<'_>], loss: Option<Loss>) -> Result<Vec<Vec<Outcome>>, Error> {
        let alike = |edit: &Edit<'_>| self.pairs.first_alike(matches!(edit, Edit::Nothing));
        let alike: Vec<Vec<usize>> = edits.iter().map(alike).collect();
        let first = |(edit, alike): (usize, &Vec<usize>)| {
            let own = alike.iter().enumerate().filter(|(pair, first)| pair == *first);
            own.map(|(pair, _)| (edit, pair)).collect::<Vec<_>>()
        };
        let all: Vec<(usize, usize)> = alike.iter().enumerate().flat_map(first).collect();
        let mut outcomes = vec![vec![Outcome::default(); self.pairs.len()]; edits.len()];
        for some in all.chunks(self.pairs.at_once()) {
            for ((edit, pair), outcome) in some.iter().zip(self.run(edits, some, loss)?) {
                outcomes[*edit][*pair] = outcome;
            }
        }
        for (outcomes, alike) in outcomes.iter_mut().zip(&alike) {
            alike.iter().enumerate().for_each(|(pair, first)| outcomes[pair] = outcomes[*first]);
        }
        Ok(outcomes)
    }

    /// One pass. `some` lists numbers of edits and of pairs; those of one edit are neighbours.
    fn run(&self, edits: &[Edit<'_>], some: &[(usize, usize)], loss: Option<Loss>) -> Result<Vec<Outcome>, Error> {
        let batch = self.pairs.batch(&some.iter().map(|(_, pair)| *pair).collect::<Vec<_>>())?;
        let rewrite = |place: usize, base: Tensor<3>| {
            let mut from = 0;
            let rows = some.chunk_by(|one, next| one.0 == next.0).map(|run| {
                from += run.len();
                edits[run[0].0].rewrite(place, &base, &batch, from - run.len()..from)
            });
            Tensor::cat(rows.collect(), 0)
        };
        let logits = interchange(self.model, &batch, &rewrite)?;
        let hits = hits(logits.clone(), &batch.labels, batch.weights.as_ref()).into_data();
        let mut outcomes: Vec<Outcome> = hits.iter::<i64>().map(|hit| Outcome { hit: hit == 1, loss: 0.0 }).collect();
        if let Some(loss) = loss {
            let losses = loss::by_example(loss, logits, &batch).into_data();
            outcomes.iter_mut().zip(losses.iter::<f32>()).for_each(|(own, loss)| own.loss = f64::from(loss));
        }
        Ok(outcomes)
    }
}
