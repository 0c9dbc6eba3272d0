//! How well an intervention does: interchange intervention accuracy (IIA), and the controls beside it.

use std::ops::Range;

use burn::tensor::Tensor;

use super::cache::Cache;
use super::network::{count_hits, hits};
use super::step::{self, Batch};
use super::{Alignment, Candidate, HeldOut, Validated, loss};
use crate::data::Pair;
use crate::error::Error;

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
    /// The mean over the swaps, each counting alike.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.0.iter().map(|(_, score)| score.mean()).sum::<f64>() / self.0.len() as f64
    }

    /// All swaps together.
    #[must_use]
    pub fn overall(&self) -> Score {
        self.0.iter().fold(Score::default(), |sum, (_, score)| Score {
            hits: sum.hits + score.hits,
            trials: sum.trials + score.trials,
        })
    }
}

/// What is done to the base's rows.
#[derive(Clone, Copy)]
pub enum Edit<'a> {
    /// Nothing: how often is the base's own answer the counterfactual one?
    Nothing,
    /// They are swapped whole, from the first source.
    Full,
    /// What the candidate does.
    Found(&'a Candidate),
}

impl Edit<'_> {
    /// What becomes of the base's rows at a place, `[batch, units, width]`, for a range of a batch's examples.
    fn rewrite(self, place: usize, base: &Tensor<3>, batch: &Batch, range: Range<usize>) -> Tensor<3> {
        let cut = |rows: &Tensor<3>| rows.clone().narrow(0, range.start, range.len());
        match (self, batch.parts[place].sources.first()) {
            (Self::Found(candidate), _) => candidate.rewrite(place, base, batch, range),
            (Self::Full, Some(source)) => cut(source),
            (Self::Full, None) | (Self::Nothing, _) => cut(base),
        }
    }
}

impl Alignment<'_> {
    /// Interchange intervention accuracy of what was found: the share of pairs where argmax is the causal model's label.
    pub fn iia(&self, held_out: &HeldOut, found: &Candidate) -> Result<Scores, Error> {
        self.score(held_out, Edit::Found(found))
    }

    /// How often the network gives the causal model's label after an edit.
    pub fn score(&self, held_out: &HeldOut, edit: Edit<'_>) -> Result<Scores, Error> {
        let mut scores = Vec::new();
        for (name, batches) in &held_out.batches {
            let mut score = Score::default();
            for batch in batches {
                let rewrite = |place: usize, base| edit.rewrite(place, &base, batch, 0..batch.len());
                let logits = step::interchange(self.model, batch, &rewrite)?;
                score.hits += count_hits(logits, &batch.labels, None);
                score.trials += batch.len();
            }
            scores.push((name.clone(), score));
        }
        Ok(Scores(scores))
    }
}

/// Tokens that are evaluated at once, and the most pairs: of a pair that is short, most of the time goes to its logits.
const TOKENS: usize = 1024;
const PAIRS: usize = 128;

/// What the network makes of one pair.
#[derive(Clone, Copy, Default)]
struct Said {
    /// Does it give the label?
    hit: bool,
    /// The label's cross-entropy, where it was asked for.
    loss: f64,
}

impl Cache<'_> {
    /// Interchange intervention accuracy of what was found on the cached pairs, by the variables that they swap.
    pub fn iia(&self, names: &[String], found: &Candidate) -> Result<Scores, Error> {
        Ok(self.score(names, &[Edit::Found(found)])?.remove(0))
    }

    /// How often the network gives the causal model's label after each of the edits, by the variables that the pairs swap.
    pub fn score(&self, names: &[String], edits: &[Edit<'_>]) -> Result<Vec<Scores>, Error> {
        Ok(self.hits(edits)?.iter().map(|hits| self.scores(names, hits, |_| true)).collect())
    }

    /// Does the network give the causal model's label, after each of the edits for each pair?
    pub fn hits(&self, edits: &[Edit<'_>]) -> Result<Vec<Vec<bool>>, Error> {
        let said = self.said(edits, false)?;
        Ok(said.into_iter().map(|said| said.iter().map(|said| said.hit).collect()).collect())
    }

    /// The hits of those pairs that are meant, by the variables that they swap.
    #[must_use]
    pub fn scores(&self, names: &[String], hits: &[bool], meant: impl Fn(&Pair) -> bool) -> Scores {
        let mut scores: Vec<(String, Score)> = Vec::new();
        for (pair, hit) in self.pairs().iter().zip(hits).filter(|(pair, _)| meant(pair)) {
            let name = pair.sources.iter().map(|(variable, _)| names[*variable].as_str());
            let name = name.collect::<Vec<_>>().join("+");
            let name = if name.is_empty() { names[0].clone() } else { name };
            let at = scores.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
                scores.push((name, Score::default()));
                scores.len() - 1
            });
            scores[at].1.hits += usize::from(*hit);
            scores[at].1.trials += 1;
        }
        Scores(scores)
    }

    /// How the candidates do on the cached pairs, all together.
    pub fn validate(&self, candidates: &[&Candidate]) -> Result<Vec<Validated>, Error> {
        self.validated(&candidates.iter().map(|candidate| Edit::Found(candidate)).collect::<Vec<_>>())
    }

    /// How the network does on the cached pairs after each of the edits, all together.
    pub fn validated(&self, edits: &[Edit<'_>]) -> Result<Vec<Validated>, Error> {
        let pairs = self.len() as f64;
        let mean = |said: Vec<Said>| Validated {
            iia: said.iter().filter(|said| said.hit).count() as f64 / pairs,
            loss: said.iter().map(|said| said.loss).sum::<f64>() / pairs,
        };
        Ok(self.said(edits, true)?.into_iter().map(mean).collect())
    }

    /// What the network makes of each pair after each of the edits. All edits go through it together, and pairs that are
    /// alike go through once.
    fn said(&self, edits: &[Edit<'_>], losses: bool) -> Result<Vec<Vec<Said>>, Error> {
        let alike = edits.iter().map(|edit| self.alike(matches!(edit, Edit::Nothing))).collect::<Vec<_>>();
        let first = |(at, alike): (usize, &Vec<usize>)| {
            let own = alike.iter().enumerate().filter(|(pair, first)| pair == *first);
            own.map(|(pair, _)| (at, pair)).collect::<Vec<_>>()
        };
        let all: Vec<(usize, usize)> = alike.iter().enumerate().flat_map(first).collect();
        let mut said = vec![vec![Said::default(); self.len()]; edits.len()];
        for some in all.chunks((TOKENS / self.longest()).clamp(1, PAIRS)) {
            for ((edit, pair), one) in some.iter().zip(self.run(edits, some, losses)?) {
                said[*edit][*pair] = one;
            }
        }
        for (said, alike) in said.iter_mut().zip(&alike) {
            alike.iter().enumerate().for_each(|(pair, first)| said[pair] = said[*first]);
        }
        Ok(said)
    }

    /// One pass. `some` lists numbers of edits and of pairs; those of one edit are neighbours.
    fn run(&self, edits: &[Edit<'_>], some: &[(usize, usize)], losses: bool) -> Result<Vec<Said>, Error> {
        let batch = self.batch(&some.iter().map(|(_, pair)| *pair).collect::<Vec<_>>())?;
        let rewrite = |place: usize, base: Tensor<3>| {
            let mut from = 0;
            let rows = some.chunk_by(|one, next| one.0 == next.0).map(|run| {
                from += run.len();
                edits[run[0].0].rewrite(place, &base, &batch, from - run.len()..from)
            });
            Tensor::cat(rows.collect(), 0)
        };
        let logits = step::interchange(self.model, &batch, &rewrite)?;
        let hits = hits(logits.clone(), &batch.labels, batch.weights.as_ref()).into_data();
        let mut said: Vec<Said> = hits.iter::<i64>().map(|hit| Said { hit: hit == 1, loss: 0.0 }).collect();
        if losses {
            let losses = loss::of_examples(logits, &batch).into_data();
            said.iter_mut().zip(losses.iter::<f32>()).for_each(|(said, loss)| said.loss = f64::from(loss));
        }
        Ok(said)
    }
}
