//! Tasks with inputs as features, on an MLP: a problem whose pairs are drawn afresh in every step.

pub mod network;

use burn::tensor::{Device, Int, Tensor};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use self::network::{features, labels};
use super::interchange::{Batch, BatchRows, first_layer};
use super::{PairSet, Partition, Problem};
use crate::error::Error;
use crate::models::{Context, FrozenModel, Mlp};
use crate::tap::{Record, Rows, Site};
use crate::tasks::{FeatureTask, Split};

/// Held-out pairs that are drawn, and evaluated, at once.
const BATCH: usize = 4096;

/// Draws interchanges of a task's variables, and runs the frozen layers below a site on them.
#[derive(Clone, Copy)]
pub struct FeaturePairs<'a> {
    /// The frozen network.
    pub model: &'a Mlp,
    /// The causal model, and the features that the network is shown.
    pub task: &'a dyn FeatureTask,
    /// The site that is intervened on.
    pub site: Site,
    /// The columns that are to carry each variable.
    pub partition: &'a Partition,
    /// The device of the model's weights.
    pub device: &'a Device,
}

/// A network and a task with inputs as features.
pub struct FeatureProblem<'a> {
    pairs: FeaturePairs<'a>,
    variables: Vec<String>,
    batch: usize,
    rng: ChaCha8Rng,
    test: Option<HeldOut>,
}

/// Held-out pairs, one kind of swap after the other.
struct HeldOut {
    /// The batches in which they were drawn, all of one size but the last of each swap.
    batches: Vec<Batch>,
    /// The variables of each pair.
    swapped: Vec<Vec<usize>>,
    /// The place of each pair: its batch, and its row there.
    places: Vec<(usize, usize)>,
}

impl FeaturePairs<'_> {
    /// Draws pairs of one kind of swap: the numbers of the variables that are swapped.
    pub fn draw(&self, swap: &[usize], count: usize, rng: &mut ChaCha8Rng) -> Result<Batch, Error> {
        let parts = self.partition.parts();
        let names: Vec<&str> = swap.iter().map(|variable| parts[*variable].0.as_str()).collect();
        let pairs = self.task.counterfactual(count, &names, rng)?;
        let rows = Rows::same(count, &[0])?;
        // Base and sources share the layers below the site, so they run through them as one batch.
        let mut all = pairs.base;
        pairs.sources.iter().for_each(|source| all.extend_from_slice(source));
        let first = first_layer(self.site);
        let entering = self.model.embed(features(all, self.task.n_features(), self.device));
        let entering = self.model.layers(entering, 0..first, &mut Context::default(), &mut ());
        let part = |at: usize| entering.clone().narrow(0, at * count, count);
        let source = |at: usize| -> Result<Tensor<3>, Error> {
            if first > self.site.layer {
                return Ok(rows.gather(part(at)));
            }
            let mut record = Record::new(self.site, rows.clone());
            self.model.layers(part(at), first..first + 1, &mut Context::default(), &mut record);
            record.take()
        };
        let sources = (1..=swap.len()).map(source).collect::<Result<_, Error>>()?;
        Ok(Batch {
            entry: first,
            hidden: part(0),
            context: Context::default(),
            labels: labels(&pairs.labels, self.device),
            answers: rows.clone(),
            choices: None,
            locations: vec![BatchRows { site: self.site, rows, sources }],
            swapped: vec![swap.to_vec(); count],
            keeps_answer: vec![false; count],
            weights: None,
        })
    }

    /// `count` pairs of each kind of swap.
    fn held_out(&self, count: usize, rng: &mut ChaCha8Rng) -> Result<HeldOut, Error> {
        let mut held_out = HeldOut { batches: Vec::new(), swapped: Vec::new(), places: Vec::new() };
        for swap in self.partition.swaps() {
            for start in (0..count).step_by(BATCH) {
                let size = BATCH.min(count - start);
                held_out.places.extend((0..size).map(|row| (held_out.batches.len(), row)));
                held_out.swapped.extend(vec![swap.clone(); size]);
                held_out.batches.push(self.draw(&swap, size, rng)?);
            }
        }
        Ok(held_out)
    }
}

impl<'a> FeatureProblem<'a> {
    /// A problem whose training batches hold `batch` pairs, drawn from `rng`.
    #[must_use]
    pub fn new(pairs: FeaturePairs<'a>, batch: usize, rng: ChaCha8Rng) -> Self {
        let variables = pairs.partition.parts().iter().map(|(name, _)| name.clone()).collect();
        Self { pairs, variables, batch, rng, test: None }
    }

    /// Draws `count` test pairs of each kind of swap.
    pub fn with_test(mut self, count: usize, rng: &mut ChaCha8Rng) -> Result<Self, Error> {
        self.test = Some(self.pairs.held_out(count, rng)?);
        Ok(self)
    }
}

impl Problem for FeatureProblem<'_> {
    fn model(&self) -> &dyn FrozenModel {
        self.pairs.model
    }

    fn variables(&self) -> &[String] {
        &self.variables
    }

    /// One kind of swap by chance, the same for all candidates: a variable alone, or all of them at once.
    fn draw(&mut self, candidates: &[usize]) -> Result<Batch, Error> {
        let mut swaps = self.pairs.partition.swaps();
        let swap = swaps.swap_remove(self.rng.random_range(0..swaps.len()));
        self.pairs.draw(&swap, self.batch * candidates.len(), &mut self.rng)
    }

    fn held_out(&self, split: Split) -> Option<&dyn PairSet> {
        let pairs = self.test.as_ref().filter(|_| split == Split::Test)?;
        Some(pairs)
    }
}

impl PairSet for HeldOut {
    fn len(&self) -> usize {
        self.places.len()
    }

    fn at_once(&self) -> usize {
        BATCH
    }

    fn batch(&self, pairs: &[usize]) -> Result<Batch, Error> {
        // Neighbouring pairs of one batch are one piece.
        let places: Vec<(usize, usize)> = pairs.iter().map(|pair| self.places[*pair]).collect();
        let pieces: Vec<(&Batch, usize, usize)> = places
            .chunk_by(|a, b| a.0 == b.0 && a.1 + 1 == b.1)
            .map(|piece| (&self.batches[piece[0].0], piece[0].1, piece.len()))
            .collect();
        let hidden = pieces.iter().map(|(batch, from, count)| batch.hidden.clone().narrow(0, *from, *count)).collect();
        let labels: Vec<Tensor<2, Int>> =
            pieces.iter().map(|(batch, from, count)| batch.labels.clone().narrow(0, *from, *count)).collect();
        let (first, rows) = (&self.batches[0], Rows::same(pairs.len(), &[0])?);
        let most = pieces.iter().map(|(batch, ..)| batch.locations[0].sources.len()).max().unwrap_or(0);
        let source = |which: usize| {
            let piece = |(batch, from, count): &(&Batch, usize, usize)| {
                // The rows of a pair that lacks this source are not used.
                let sources = &batch.locations[0].sources;
                sources[which.min(sources.len() - 1)].clone().narrow(0, *from, *count)
            };
            Tensor::cat(pieces.iter().map(piece).collect(), 0)
        };
        Ok(Batch {
            entry: first.entry,
            hidden: Tensor::cat(hidden, 0),
            context: Context::default(),
            labels: Tensor::cat(labels, 0),
            answers: rows.clone(),
            choices: None,
            locations: vec![BatchRows {
                site: first.locations[0].site,
                rows,
                sources: (0..most).map(source).collect(),
            }],
            swapped: pairs.iter().map(|pair| self.swapped[*pair].clone()).collect(),
            keeps_answer: vec![false; pairs.len()],
            weights: None,
        })
    }

    fn swapped(&self, pair: usize) -> Vec<usize> {
        self.swapped[pair].clone()
    }
}
