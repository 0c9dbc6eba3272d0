//! The steps of a search: several interventions at a time, each by its own gradient.

use burn::optim::lr_scheduler::module_lr_scheduler::ModuleLrScheduler;
use burn::optim::{GradientsAccumulator, GradientsParams, ModuleOptimizer};
use burn::tensor::{Int, Tensor};

use super::config::Search;
use super::schedule::{optimizer, scheduler};
use crate::alignment::loss::loss;
use crate::alignment::scores::hits;
use crate::alignment::{Candidate, Problem};
use crate::error::Error;
use crate::interventions::{AnyIntervention, Intervention};

/// Candidates while they are trained, at the same locations of one model.
///
/// They share only the model's weights, which a step reads once for all: each has pairs of its own, an optimiser of its
/// own, and the gradients that it would have alone.
pub struct Trainer<I = AnyIntervention> {
    config: Search,
    members: Vec<Member<I>>,
    done: usize,
}

struct Member<I> {
    number: usize,
    candidate: Candidate<I>,
    optimizer: ModuleOptimizer,
    rates: ModuleLrScheduler,
}

/// The results of a step, on the device.
pub struct Stepped {
    /// The mean loss of each candidate's pairs, penalties included, off the tape, `[candidates]`.
    pub losses: Tensor<1>,
    /// One for each of the step's batches.
    answers: Vec<AnswerLogits>,
    /// The rotations' learning rate.
    pub learning_rate: f64,
}

struct AnswerLogits {
    /// Off the tape, `[candidates × pairs, answers, classes]`.
    logits: Tensor<3>,
    labels: Tensor<2, Int>,
    weights: Option<Tensor<2>>,
}

impl<I: Intervention> Trainer<I> {
    /// A trainer at step 0. The candidates are numbered in their order.
    #[must_use]
    pub fn new(starts: Vec<Candidate<I>>, config: Search) -> Self {
        let member = |(number, candidate): (usize, Candidate<I>)| Member {
            number,
            optimizer: optimizer(&candidate.interventions),
            rates: scheduler(&candidate.interventions, config.rates, config.warmup, config.steps),
            candidate,
        };
        let members = starts.into_iter().enumerate().map(member).collect();
        Self { config, members, done: 0 }
    }

    /// The numbers of those that are still trained.
    #[must_use]
    pub fn numbers(&self) -> Vec<usize> {
        self.members.iter().map(|member| member.number).collect()
    }

    /// The candidates that are still trained, with their numbers, off the tape.
    #[must_use]
    pub fn candidates(&self) -> Vec<(usize, Candidate<I>)> {
        self.members.iter().map(|member| (member.number, member.candidate.valid())).collect()
    }

    /// Trains a candidate no further.
    pub fn leave(&mut self, number: usize) {
        self.members.retain(|member| member.number != number);
    }

    /// One step of every optimiser, on pairs that the problem draws. Nothing is read back from the device.
    pub fn step(&mut self, problem: &mut dyn Problem) -> Result<Stepped, Error> {
        let numbers = self.numbers();
        let progress = self.done as f64 / (self.config.steps - 1).max(1) as f64;
        let interventions = self.members.iter_mut().flat_map(|member| &mut member.candidate.interventions);
        interventions.for_each(|intervention| intervention.anneal(progress));
        let candidates: Vec<&Candidate<I>> = self.members.iter().map(|member| &member.candidate).collect();
        let mut gradients: Vec<GradientsAccumulator<Vec<I>>> =
            numbers.iter().map(|_| GradientsAccumulator::new()).collect();
        let (mut losses, mut answers) = (Vec::new(), Vec::new());
        for _ in 0..self.config.accumulate {
            let batch = problem.draw(&numbers)?;
            let forward = loss(problem.model(), &batch, &candidates, &self.config.objective)?;
            let mut all = (forward.total / self.config.accumulate as f64).backward();
            for (candidate, own) in candidates.iter().zip(&mut gradients) {
                let interventions = &candidate.interventions;
                own.accumulate(interventions, GradientsParams::from_module(&mut all, interventions));
            }
            losses.push(forward.losses.unsqueeze::<2>());
            answers.push(AnswerLogits {
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
    /// The number of each candidate's pairs that got the causal model's answer, `[candidates]`, and of its pairs.
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
