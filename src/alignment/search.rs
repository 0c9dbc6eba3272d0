//! The search itself: the training loop, written by hand.

use super::loss::taken;
use super::schedule::Rates;
use super::since::Since;
use super::step::Batch;
use super::stopping::Watch;
use super::{Candidate, Found, Trainer, Validated};
use crate::error::Error;
use crate::interventions::AnyIntervention;
use crate::models::FrozenModel;
use crate::orthogonal;

/// How interventions are trained: Adam (on the manifold where the rotation is one), linear warm-up and decay.
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
    /// Validation every so many steps, where there is something to validate on; 0 is only after the last.
    pub evaluate_every: usize,
    /// Stop when so many validations have brought nothing better, and keep the best; none keeps the last.
    pub patience: Option<usize>,
}

impl Search {
    /// A plain search: one learning rate, no warm-up, no penalty, no validation.
    #[must_use]
    pub const fn plain(steps: usize, learning_rate: f64) -> Self {
        Self {
            steps,
            rates: Rates::all(learning_rate),
            warmup: 0,
            accumulate: 1,
            penalty: 0.0,
            log_every: 20,
            evaluate_every: 0,
            patience: None,
        }
    }

    fn evaluates_after(&self, step: usize) -> bool {
        self.evaluate_every > 0 && step.is_multiple_of(self.evaluate_every)
    }
}

/// What is reported of a candidate every [`Search::log_every`] steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Logged {
    /// Steps done.
    pub step: usize,
    /// The mean loss of the steps since the last report, penalty included.
    pub loss: f64,
    /// The share of those steps' pairs on which the network said what the causal model says.
    pub iia: f64,
    /// How it does on pairs that it is not trained on, where that was measured now.
    pub validated: Option<Validated>,
    /// The rotation's learning rate in the step.
    pub learning_rate: f64,
    /// The largest entry of |RᵀR − I|; 0 without a rotation.
    pub orthogonality_error: f64,
    /// The temperature of a soft mask.
    pub temperature: Option<f64>,
    /// What the penalty weighs: the share of columns, or of mask, that the intervention takes.
    pub taken: Option<f64>,
    /// Milliseconds a step, for all candidates together, over the steps since the last report.
    pub step_ms: f64,
}

/// Trains a candidate and gives back what it has become, off the tape.
pub fn search(
    model: &dyn FrozenModel,
    start: Candidate,
    config: &Search,
    next_batch: &mut dyn FnMut() -> Result<Batch, Error>,
    observe: &mut dyn FnMut(&Logged) -> Result<(), Error>,
) -> Result<Candidate, Error> {
    let mut draw = |_: &[usize]| next_batch();
    let mut observe = |_: usize, line: &Logged| observe(line);
    let mut found = search_together(model, vec![start], config, &mut draw, None, &mut observe)?;
    found.remove(0).map(|found| found.candidate)
}

/// How several candidates do on pairs that they are not trained on.
pub type Validate<'a> = dyn FnMut(&[&Candidate]) -> Result<Vec<Validated>, Error> + 'a;

/// Trains candidates for the same places, of any kinds, ranks and seeds; of each it gives what was found, or says why that
/// is nothing.
///
/// Each takes the steps that it would take alone. `draw` is given the numbers of those that are still trained, and gives
/// a batch of their pairs, one's after the other's and as many of each; `observe` is given a candidate's number.
pub fn search_together(
    model: &dyn FrozenModel,
    starts: Vec<Candidate>,
    config: &Search,
    draw: &mut dyn FnMut(&[usize]) -> Result<Batch, Error>,
    mut validate: Option<&mut Validate<'_>>,
    observe: &mut dyn FnMut(usize, &Logged) -> Result<(), Error>,
) -> Result<Vec<Result<Found, Error>>, Error> {
    let mut diverged: Vec<Option<Error>> = starts.iter().map(|_| None).collect();
    let mut watched: Vec<Watch> = starts.iter().map(|_| Watch::default()).collect();
    let mut trainer = Trainer::new(model, starts, *config);
    let mut since = Since::now();
    for step in 1..=config.steps {
        since.add(&trainer.step(draw)?);
        let last = step == config.steps;
        let evaluated = validate.is_some() && (last || config.evaluates_after(step));
        if !(last || evaluated || step.is_multiple_of(config.log_every)) {
            continue;
        }
        let report = since.report();
        let mut means = Vec::new();
        for (number, mean) in trainer.numbers().into_iter().zip(report.means) {
            if mean.loss.is_finite() {
                means.push(mean);
                continue;
            }
            trainer.leave(number);
            diverged[number] = Some(Error::Diverged(format!(
                "the loss is no longer finite at step {step}: a smaller `training.learning_rate` than {} helps",
                config.rates.rotation
            )));
        }
        let candidates = trainer.candidates();
        let validated = match &mut validate {
            Some(validate) if evaluated => {
                let measured = validate(&candidates.iter().map(|(_, candidate)| candidate).collect::<Vec<_>>())?;
                measured.into_iter().map(Some).collect()
            }
            _ => vec![None; candidates.len()],
        };
        for (((number, candidate), mean), validated) in candidates.into_iter().zip(means).zip(validated) {
            observe(
                number,
                &Logged {
                    step,
                    loss: mean.loss,
                    iia: mean.iia,
                    validated,
                    learning_rate: report.learning_rate,
                    orthogonality_error: candidate.interventions.iter().map(live_error).fold(0.0, f64::max),
                    temperature: candidate.interventions.iter().find_map(AnyIntervention::temperature),
                    taken: taken(&candidate).map(|taken| f64::from(taken.into_scalar::<f32>())),
                    step_ms: report.step_ms,
                },
            )?;
            if (last || evaluated) && watched[number].see(candidate, step, validated, config.patience) {
                trainer.leave(number);
            }
        }
        if trainer.numbers().is_empty() {
            break;
        }
        since = Since::now();
    }
    let ended = diverged.into_iter().zip(watched);
    Ok(ended.map(|(diverged, watched)| diverged.map_or_else(|| Ok(watched.found()), Err)).collect())
}

fn live_error(intervention: &AnyIntervention) -> f64 {
    intervention.rotation().map_or(0.0, |rotation| orthogonal::live_error(rotation.matrix()))
}

/// The largest entry of |RᵀR − I| of the interventions' rotations; 0 where there is none.
#[must_use]
pub fn orthogonality_error(interventions: &[AnyIntervention]) -> f64 {
    let error = |rotation: &orthogonal::Rotation| orthogonal::error(&rotation.matrix().detach().inner());
    interventions.iter().filter_map(AnyIntervention::rotation).map(error).fold(0.0, f64::max)
}
