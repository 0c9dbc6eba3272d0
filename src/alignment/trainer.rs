//! The steps of a search: several interventions at a time, each by its own gradient.

use burn::optim::lr_scheduler::module_lr_scheduler::ModuleLrScheduler;
use burn::optim::{GradientsAccumulator, GradientsParams, ModuleOptimizer};
use burn::tensor::{Int, Tensor};

use super::Candidate;
use super::loss::loss;
use super::network::hits;
use super::schedule::{optimizer, scheduler};
use super::search::Search;
use super::step::Batch;
use crate::error::Error;
use crate::interventions::{AnyIntervention, Intervention};
use crate::models::FrozenModel;

/// Candidates while they are trained, at the same places of one network.
///
/// They are apart in everything but the network's weights, which a step reads once for all: each has pairs of its own, an
/// optimiser of its own, and the gradients that it would have alone.
pub struct Trainer<'a> {
    model: &'a dyn FrozenModel,
    config: Search,
    members: Vec<Member>,
    done: usize,
}

struct Member {
    number: usize,
    candidate: Candidate,
    optimizer: ModuleOptimizer,
    rates: ModuleLrScheduler,
}

/// What a step leaves on the device.
pub struct Stepped {
    /// The mean loss of each candidate's pairs, penalty included, off the tape, `[candidates]`.
    pub losses: Tensor<1>,
    /// Of each of its batches.
    answers: Vec<Answers>,
    /// The rotations' learning rate.
    pub learning_rate: f64,
}

/// What was said and what should have been.
struct Answers {
    /// Off the tape, `[candidates × pairs, answers, classes]`.
    logits: Tensor<3>,
    labels: Tensor<2, Int>,
    weights: Option<Tensor<2>>,
}

impl<'a> Trainer<'a> {
    /// At step 0. The candidates are numbered in the order in which they are given.
    #[must_use]
    pub fn new(model: &'a dyn FrozenModel, starts: Vec<Candidate>, config: Search) -> Self {
        let member = |(number, candidate): (usize, Candidate)| Member {
            number,
            optimizer: optimizer(&candidate.interventions),
            rates: scheduler(&candidate.interventions, config.rates, config.warmup, config.steps),
            candidate,
        };
        Self { model, config, members: starts.into_iter().enumerate().map(member).collect(), done: 0 }
    }

    /// The numbers of those that are still trained.
    #[must_use]
    pub fn numbers(&self) -> Vec<usize> {
        self.members.iter().map(|member| member.number).collect()
    }

    /// Those, as they stand, with their numbers; off the tape.
    #[must_use]
    pub fn candidates(&self) -> Vec<(usize, Candidate)> {
        self.members.iter().map(|member| (member.number, member.candidate.valid())).collect()
    }

    /// Trains a candidate no further.
    pub fn leave(&mut self, number: usize) {
        self.members.retain(|member| member.number != number);
    }

    /// One step of every optimiser. `draw` is given the numbers of those that are trained, and gives a batch of their
    /// pairs, one's after the other's and as many of each. Nothing is read back from the device.
    pub fn step(&mut self, draw: &mut dyn FnMut(&[usize]) -> Result<Batch, Error>) -> Result<Stepped, Error> {
        let numbers = self.numbers();
        let progress = self.done as f64 / (self.config.steps - 1).max(1) as f64;
        let interventions = self.members.iter_mut().flat_map(|member| &mut member.candidate.interventions);
        interventions.for_each(|intervention| intervention.anneal(progress));
        let candidates: Vec<&Candidate> = self.members.iter().map(|member| &member.candidate).collect();
        let mut gradients: Vec<GradientsAccumulator<Vec<AnyIntervention>>> =
            numbers.iter().map(|_| GradientsAccumulator::new()).collect();
        let (mut losses, mut answers) = (Vec::new(), Vec::new());
        for _ in 0..self.config.accumulate {
            let batch = draw(&numbers)?;
            let forward = loss(self.model, &batch, &candidates, self.config.penalty)?;
            let mut all = (forward.total / self.config.accumulate as f64).backward();
            for (candidate, own) in candidates.iter().zip(&mut gradients) {
                let interventions = &candidate.interventions;
                own.accumulate(interventions, GradientsParams::from_module(&mut all, interventions));
            }
            losses.push(forward.losses.unsqueeze::<2>());
            answers.push(Answers {
                logits: forward.logits.detach().inner(),
                labels: batch.labels,
                weights: batch.weights,
            });
        }
        let mut learning_rate = 0.0;
        for (member, mut own) in self.members.iter_mut().zip(gradients) {
            let rate = member.rates.step();
            learning_rate = rate.base();
            let interventions = &mut member.candidate.interventions;
            *interventions = member.optimizer.step(rate, interventions.clone(), own.grads());
        }
        self.done += 1;
        let losses = Tensor::cat(losses, 0).mean_dim(0).reshape([numbers.len()]);
        Ok(Stepped { losses, answers, learning_rate })
    }
}

impl Stepped {
    /// How many of each candidate's pairs got the causal model's answer, `[candidates]`, and how many pairs each had.
    #[must_use]
    pub fn hits(&self) -> (Tensor<1, Int>, usize) {
        let [candidates] = self.losses.dims();
        let mut pairs = 0;
        let counts = self.answers.iter().map(|batch| {
            let each = batch.logits.dims()[0] / candidates;
            pairs += each;
            let hits = hits(batch.logits.clone(), &batch.labels, batch.weights.as_ref());
            hits.reshape([candidates, each]).sum_dim(1)
        });
        let counts = counts.reduce(|sum, more| sum + more).expect("a step has a batch");
        (counts.reshape([candidates]), pairs)
    }
}
