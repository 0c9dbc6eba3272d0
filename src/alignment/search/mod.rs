//! The search: trains interventions until the frozen model's counterfactual behaviour is the causal model's.

mod batches;
mod config;
mod schedule;
mod step_sums;
mod stopping;
mod trainer;

pub use batches::Batches;
pub use config::{Logged, Search};
pub use schedule::Rates;
pub use stopping::SearchResult;
pub use trainer::{Stepped, Trainer};

use self::step_sums::StepSums;
use self::stopping::Stopping;
use super::evaluate::Evaluation;
use super::loss::taken;
use super::{Candidate, Problem, Validated};
use crate::error::Error;
use crate::interventions::Intervention;
use crate::orthogonal;
use crate::tasks::Split;

/// Trains one candidate on a problem and returns it, off the tape.
pub fn search<I: Intervention>(
    problem: &mut dyn Problem,
    start: Candidate<I>,
    config: &Search,
    observe: &mut dyn FnMut(&Logged) -> Result<(), Error>,
) -> Result<SearchResult<I>, Error> {
    let mut observe = |_: usize, line: &Logged| observe(line);
    search_together(problem, vec![start], config, &mut observe)?.remove(0)
}

/// Trains candidates for the same locations, of any kinds, ranks and seeds; returns, per candidate, the result or the error
/// that stopped it.
///
/// Each takes the steps that it would take alone. Where the problem has validation pairs, the candidates are validated
/// every [`Search::evaluate_every`] steps and after the last. `observe` gets a candidate's number and its report.
pub fn search_together<I: Intervention>(
    problem: &mut dyn Problem,
    starts: Vec<Candidate<I>>,
    config: &Search,
    observe: &mut dyn FnMut(usize, &Logged) -> Result<(), Error>,
) -> Result<Vec<Result<SearchResult<I>, Error>>, Error> {
    let mut diverged: Vec<Option<Error>> = starts.iter().map(|_| None).collect();
    let mut stopping: Vec<Stopping<I>> = starts.iter().map(|_| Stopping::default()).collect();
    let mut trainer = Trainer::new(starts, config.clone());
    let mut sums = StepSums::default();
    for step in 1..=config.steps {
        sums.add(&trainer.step(problem)?);
        let last = step == config.steps;
        let validates = problem.held_out(Split::Validation).is_some() && (last || config.evaluates_after(step));
        if !(last || validates || step.is_multiple_of(config.log_every)) {
            continue;
        }
        let report = std::mem::take(&mut sums).report();
        let mut means = Vec::new();
        for (number, mean) in trainer.numbers().into_iter().zip(report.means) {
            if mean.loss.is_finite() {
                means.push(mean);
                continue;
            }
            trainer.leave(number);
            diverged[number] = Some(Error::Diverged(format!(
                "the loss is no longer finite at step {step}: a smaller learning rate than {} helps",
                config.rates.rotation
            )));
        }
        let candidates = trainer.candidates();
        let validated = match validates {
            true => validate(problem, candidates.iter().map(|(_, candidate)| candidate), config)?,
            false => vec![None; candidates.len()],
        };
        for (((number, candidate), mean), validated) in candidates.into_iter().zip(means).zip(validated) {
            let logged = Logged {
                step,
                loss: mean.loss,
                iia: mean.iia,
                validated,
                learning_rate: report.learning_rate,
                orthogonality_error: candidate.interventions.iter().map(live_error).fold(0.0, f64::max),
                temperature: candidate.interventions.iter().find_map(Intervention::temperature),
                taken: taken(&candidate).map(|taken| f64::from(taken.into_scalar::<f32>())),
                step_ms: report.step_ms,
            };
            observe(number, &logged)?;
            if (last || validates) && stopping[number].record(candidate, step, validated, config.patience) {
                trainer.leave(number);
            }
        }
        if trainer.numbers().is_empty() {
            break;
        }
    }
    let ended = diverged.into_iter().zip(stopping);
    Ok(ended.map(|(diverged, stopping)| diverged.map_or_else(|| Ok(stopping.result()), Err)).collect())
}

/// The validation of candidates, where the problem has validation pairs.
fn validate<'a, I: Intervention + 'a>(
    problem: &dyn Problem,
    candidates: impl ExactSizeIterator<Item = &'a Candidate<I>>,
    config: &Search,
) -> Result<Vec<Option<Validated>>, Error> {
    let count = candidates.len();
    let Some(evaluation) = Evaluation::new(problem, Split::Validation) else { return Ok(vec![None; count]) };
    let validated = evaluation.validate(&candidates.collect::<Vec<_>>(), config.objective.loss)?;
    Ok(validated.into_iter().map(Some).collect())
}

/// The results of a search whose pairs are idle ([`Cache::is_idle`](super::Cache::is_idle)): the candidates at their start.
pub fn unchanged<I: Intervention>(
    problem: &dyn Problem,
    starts: &[Candidate<I>],
    config: &Search,
) -> Result<Vec<Result<SearchResult<I>, Error>>, Error> {
    let starts: Vec<Candidate<I>> = starts.iter().map(Candidate::valid).collect();
    let validated = validate(problem, starts.iter(), config)?;
    let result =
        |(candidate, validated)| Ok(SearchResult { candidate, at: 0, steps: 0, stopped_early: false, validated });
    Ok(starts.into_iter().zip(validated).map(result).collect())
}

fn live_error(intervention: &impl Intervention) -> f64 {
    intervention.rotation().map_or(0.0, |rotation| orthogonal::live_error(rotation.matrix()))
}

/// The largest entry of |RᵀR − I| over the interventions' rotations; 0 where there is none.
#[must_use]
pub fn orthogonality_error(interventions: &[impl Intervention]) -> f64 {
    let error = |rotation: &orthogonal::Rotation| orthogonal::error(&rotation.matrix().detach().inner());
    interventions.iter().filter_map(Intervention::rotation).map(error).fold(0.0, f64::max)
}
