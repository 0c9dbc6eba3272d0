//! The search itself: some sixty lines of training loop.

use std::time::Instant;

use burn::module::{Module, ParamGroup};
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::{Tensor, activation};

use super::network::count_hits;
use super::step::{self, Batch};
use crate::error::Error;
use crate::interventions::RotatedSpace;
use crate::models::FrozenModel;
use crate::orthogonal::{self, StiefelAdam};
use crate::tap::Site;

/// How an intervention is trained: Adam (on the manifold where the rotation is one) with linear decay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Search {
    /// The number of steps.
    pub steps: usize,
    /// The learning rate at the start; it falls linearly to nothing.
    pub learning_rate: f64,
    /// Losses are fetched from the device, and reported, every so many steps.
    pub log_every: usize,
}

/// What is reported every [`Search::log_every`] steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Logged {
    /// Steps done.
    pub step: usize,
    /// The mean loss of the steps since the last report.
    pub loss: f64,
    /// The share of the step's pairs on which the network says what the causal model says.
    pub iia: f64,
    /// The learning rate of the step.
    pub learning_rate: f64,
    /// The largest entry of |RᵀR − I|.
    pub orthogonality_error: f64,
    /// Milliseconds a step, over the steps since the last report.
    pub step_ms: f64,
}

/// Trains the intervention and gives it back, off the tape.
pub fn search(
    model: &dyn FrozenModel,
    site: Site,
    start: RotatedSpace,
    config: &Search,
    next_batch: &mut dyn FnMut() -> Result<Batch, Error>,
    observe: &mut dyn FnMut(&Logged) -> Result<(), Error>,
) -> Result<RotatedSpace, Error> {
    let mut intervention = start;
    let on_manifold = ParamGroup::from_predicate("stiefel");
    let mut optimizer = ModuleOptimizer::from(AdamConfig::new().with_epsilon(1e-8).build()).with_group(
        on_manifold,
        StiefelAdam::default(),
        None,
    );
    let mut losses: Vec<Tensor<1>> = Vec::new();
    let mut since = Instant::now();
    for step in 1..=config.steps {
        let batch = next_batch()?;
        let logits = step::interchange(model, site, &batch, |base| intervention.interchange(base, &batch.sources))?;
        let loss = cross_entropy(logits.clone(), &batch);
        losses.push(loss.clone().detach().inner());
        let grads = GradientsParams::from_grads(loss.backward(), &intervention);
        let learning_rate = config.learning_rate * (1.0 - (step - 1) as f64 / config.steps as f64);
        intervention = optimizer.step(learning_rate, intervention, grads);
        if step % config.log_every == 0 || step == config.steps {
            let steps = losses.len() as f64;
            let loss = f64::from(Tensor::cat(std::mem::take(&mut losses), 0).mean().into_scalar::<f32>());
            if !loss.is_finite() {
                return Err(Error::Diverged(format!(
                    "the loss is no longer finite at step {step}: a smaller `training.learning_rate` than {} helps",
                    config.learning_rate
                )));
            }
            observe(&Logged {
                step,
                loss,
                iia: count_hits(logits.inner(), &batch.labels) as f64 / batch.rows.batch() as f64,
                learning_rate,
                orthogonality_error: orthogonal::error(&intervention.rotation.matrix().inner()),
                step_ms: since.elapsed().as_secs_f64() * 1e3 / steps,
            })?;
            since = Instant::now();
        }
    }
    Ok(intervention.valid())
}

/// The mean cross-entropy of the logits at the last position against the labels.
fn cross_entropy(logits: Tensor<3>, batch: &Batch) -> Tensor<1> {
    let [count, seq, classes] = logits.dims();
    let last = logits.slice([0..count, seq - 1..seq, 0..classes]).reshape([count, classes]);
    let log_probabilities = activation::log_softmax(last, 1);
    -log_probabilities.gather(1, batch.labels.clone().reshape([count, 1])).mean()
}
