//! The search itself: the training loop, written by hand.

use std::ops::Range;
use std::time::Instant;

use burn::module::Module;
use burn::optim::lr_scheduler::module_lr_scheduler::ModuleLrScheduler;
use burn::optim::{GradientsAccumulator, GradientsParams, ModuleOptimizer};
use burn::tensor::{DType, IndexingUpdateOp, Tensor};

use super::network::count_hits;
use super::schedule::{Rates, optimizer, scheduler};
use super::step::{self, Batch};
use crate::error::Error;
use crate::interventions::{AnyIntervention, Intervention};
use crate::models::FrozenModel;
use crate::orthogonal;

/// How an intervention is trained: Adam (on the manifold where the rotation is one), linear warm-up and decay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Search {
    /// The number of steps.
    pub steps: usize,
    /// The learning rates at their height.
    pub rates: Rates,
    /// Steps of linear warm-up; the decay to nothing follows.
    pub warmup: usize,
    /// Batches whose gradients make one step.
    pub accumulate: usize,
    /// The weight of the intervention's own penalty (the share of columns, or of mask, that it takes) in the loss.
    pub penalty: f64,
    /// Losses are fetched from the device, and reported, every so many steps.
    pub log_every: usize,
}

impl Search {
    /// A plain search: one learning rate, no warm-up, no penalty.
    #[must_use]
    pub const fn plain(steps: usize, learning_rate: f64) -> Self {
        Self { steps, rates: Rates::all(learning_rate), warmup: 0, accumulate: 1, penalty: 0.0, log_every: 20 }
    }
}

/// What is reported every [`Search::log_every`] steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Logged {
    /// Steps done.
    pub step: usize,
    /// The mean loss of the steps since the last report, penalty included.
    pub loss: f64,
    /// The share of the step's pairs on which the network says what the causal model says.
    pub iia: f64,
    /// The rotation's learning rate in the step.
    pub learning_rate: f64,
    /// The largest entry of |RᵀR − I|; 0 without a rotation.
    pub orthogonality_error: f64,
    /// The temperature of a soft mask.
    pub temperature: Option<f64>,
    /// What the penalty weighs: the share of columns, or of mask, that the intervention takes.
    pub taken: Option<f64>,
    /// Milliseconds a step, over the steps since the last report.
    pub step_ms: f64,
}

/// An intervention while it is trained.
pub struct Trainer<'a> {
    model: &'a dyn FrozenModel,
    /// One for each place that is intervened on at once.
    interventions: Vec<AnyIntervention>,
    config: Search,
    optimizer: ModuleOptimizer,
    rates: ModuleLrScheduler,
    done: usize,
}

/// What a step leaves on the device.
pub struct Stepped {
    /// The losses of its batches, each `[1]`, off the tape.
    pub losses: Vec<Tensor<1>>,
    /// The last batch's logits at the answers, `[batch, 1, classes]`, off the tape.
    pub logits: Tensor<3>,
    /// The last batch.
    pub batch: Batch,
    /// The rotation's learning rate.
    pub learning_rate: f64,
}

impl<'a> Trainer<'a> {
    /// At step 0; `start` has an intervention for each place.
    #[must_use]
    pub fn new(model: &'a dyn FrozenModel, start: Vec<AnyIntervention>, config: Search) -> Self {
        let rates = scheduler(config.rates, config.warmup, config.steps);
        Self { model, interventions: start, config, optimizer: optimizer(), rates, done: 0 }
    }

    /// One step of the optimiser. Nothing is read back from the device.
    pub fn step(&mut self, next_batch: &mut dyn FnMut() -> Result<Batch, Error>) -> Result<Stepped, Error> {
        let progress = self.done as f64 / (self.config.steps - 1).max(1) as f64;
        self.interventions.iter_mut().for_each(|intervention| intervention.anneal(progress));
        let mut gradients = GradientsAccumulator::new();
        let mut losses = Vec::new();
        let mut last = None;
        for _ in 0..self.config.accumulate {
            let batch = next_batch()?;
            let (loss, logits) = loss(self.model, &batch, &self.interventions, self.config.penalty)?;
            losses.push(loss.clone().detach().inner());
            let loss = loss / self.config.accumulate as f64;
            let gradient = GradientsParams::from_grads(loss.backward(), &self.interventions);
            gradients.accumulate(&self.interventions, gradient);
            last = Some((logits.detach().inner(), batch));
        }
        let (logits, batch) = last.ok_or_else(|| Error::Invalid("a step of no batches".to_owned()))?;
        let rate = self.rates.step();
        let learning_rate = rate.base();
        self.interventions = self.optimizer.step(rate, self.interventions.clone(), gradients.grads());
        self.done += 1;
        Ok(Stepped { losses, logits, batch, learning_rate })
    }

    /// The interventions as they stand, off the tape.
    #[must_use]
    pub fn interventions(&self) -> Vec<AnyIntervention> {
        self.interventions.valid()
    }
}

/// Trains the interventions, one for each place, and gives them back, off the tape.
pub fn search(
    model: &dyn FrozenModel,
    start: Vec<AnyIntervention>,
    config: &Search,
    next_batch: &mut dyn FnMut() -> Result<Batch, Error>,
    observe: &mut dyn FnMut(&Logged) -> Result<(), Error>,
) -> Result<Vec<AnyIntervention>, Error> {
    let mut trainer = Trainer::new(model, start, *config);
    let mut losses: Vec<Tensor<1>> = Vec::new();
    let mut since = Instant::now();
    for step in 1..=config.steps {
        let stepped = trainer.step(next_batch)?;
        losses.extend(stepped.losses);
        if step % config.log_every == 0 || step == config.steps {
            let steps = losses.len() as f64 / config.accumulate as f64;
            let loss = f64::from(Tensor::cat(std::mem::take(&mut losses), 0).mean().into_scalar::<f32>());
            if !loss.is_finite() {
                return Err(Error::Diverged(format!(
                    "the loss is no longer finite at step {step}: a smaller `training.learning_rate` than {} helps",
                    config.rates.rotation
                )));
            }
            let (logits, batch, interventions) = (stepped.logits, stepped.batch, trainer.interventions());
            let hits = count_hits(logits, &batch.labels, batch.weights.as_ref());
            observe(&Logged {
                step,
                loss,
                iia: hits as f64 / batch.len() as f64,
                learning_rate: stepped.learning_rate,
                orthogonality_error: interventions.iter().map(live_error).fold(0.0, f64::max),
                temperature: interventions.iter().find_map(AnyIntervention::temperature),
                taken: taken(&interventions).map(|taken| f64::from(taken.into_scalar::<f32>())),
                step_ms: since.elapsed().as_secs_f64() * 1e3 / steps,
            })?;
            since = Instant::now();
        }
    }
    Ok(trainer.interventions())
}

fn live_error(intervention: &AnyIntervention) -> f64 {
    intervention.rotation().map_or(0.0, |rotation| orthogonal::live_error(rotation.matrix()))
}

/// What the penalty weighs, over all places; `[1]`.
fn taken(interventions: &[AnyIntervention]) -> Option<Tensor<1>> {
    interventions.iter().filter_map(Intervention::penalty).reduce(|sum, taken| sum + taken)
}

/// One forward pass: the loss on the tape, and the logits at the answers, `[batch, answers, classes]`.
pub fn loss(
    model: &dyn FrozenModel,
    batch: &Batch,
    interventions: &[AnyIntervention],
    penalty: f64,
) -> Result<(Tensor<1>, Tensor<3>), Error> {
    let edit = |at: usize, base| rewrite(&interventions[at], base, &batch.parts[at].sources);
    let logits = step::interchange(model, batch, &edit)?;
    let mut loss = cross_entropy(logits.clone(), batch);
    if let Some(taken) = taken(interventions).filter(|_| penalty != 0.0) {
        loss = loss + taken * penalty;
    }
    Ok((loss, logits))
}

/// The base's rows with each source's coordinates in its columns of the rotation.
///
/// Only a rotated space has columns to share among sources; every other intervention takes one source, whole.
#[must_use]
pub fn rewrite(intervention: &AnyIntervention, base: Tensor<3>, sources: &[(Tensor<3>, Range<usize>)]) -> Tensor<3> {
    match (intervention, sources) {
        (AnyIntervention::RotatedSpace(space), [(_, columns), ..])
            if sources.len() > 1 || columns.len() < space.rotation.dims()[1] =>
        {
            space.interchange(base, sources)
        }
        (_, []) => intervention.forward(base.clone(), base),
        (_, [(source, _), ..]) => intervention.forward(base, source.clone()),
    }
}

/// The largest entry of |RᵀR − I| of the intervention's rotation; 0 where it has none.
#[must_use]
pub fn orthogonality_error(intervention: &AnyIntervention) -> f64 {
    intervention.rotation().map_or(0.0, |rotation| orthogonal::error(&rotation.matrix().detach().inner()))
}

/// The mean cross-entropy of the logits at the answers, `[batch, answers, classes]`, against the labels.
///
/// Its gradient, `(softmax − one-hot) / answers`, is known: formed here, off the tape, it takes one pass of exponentials
/// over the vocabulary, where the tape would keep and walk four. What goes onto the tape is linear in the logits, has
/// that gradient, and the loss's value.
fn cross_entropy(logits: Tensor<3>, batch: &Batch) -> Tensor<1> {
    let [count, answers, classes] = logits.dims();
    let count = count * answers;
    let logits = logits.reshape([count, classes]);
    let labels = batch.labels.clone().reshape([count, 1]);
    let known = logits.clone().detach().inner().cast(DType::F32);
    let shifted = known.clone() - known.max_dim(1);
    let exponentials = shifted.clone().exp();
    let sums = exponentials.clone().sum_dim(1); // [answers, 1]
    let losses = sums.clone().log() - shifted.gather(1, labels.clone());
    let (loss, share) = match &batch.weights {
        None => (losses.mean(), Tensor::full([count, 1], 1.0 / count as f64, &sums.device())),
        Some(weights) => {
            let weights = weights.clone().reshape([count, 1]);
            let share = weights.clone() / weights.sum().unsqueeze(); // [answers, 1]
            ((losses * share.clone()).sum(), share)
        }
    };
    let gradient = (exponentials * (share.clone() / sums)).scatter(1, labels, -share, IndexingUpdateOp::Add);
    let linear = (logits.cast(DType::F32) * Tensor::from_inner(gradient)).sum();
    linear.clone() - linear.detach() + Tensor::from_inner(loss)
}
