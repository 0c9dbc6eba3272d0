//! The results of a search: IIA on the test pairs, and its controls.

use super::network::Network;
use super::session::Session;
use crate::alignment::evaluate::{Edit, Evaluation};
use crate::alignment::search::{orthogonality_error, search};
use crate::alignment::{Candidate, Problem, Score, Scores};
use crate::error::Error;
use crate::interventions::Needs;
use crate::saved::{Completions, Controls, Disentangled, Measured, interval};
use crate::tasks::Split;

/// Measures a candidate on the test pairs of a problem: its IIA by variable, no intervention, the full swap, random
/// rotations that exchange as many columns and, where it learned a mask, the hard mask. All edits run together.
pub fn judge(
    session: &Session<'_>,
    network: &dyn Network,
    problem: &dyn Problem,
    candidate: &Candidate,
) -> Result<Measured, Error> {
    let (recipe, hypothesis) = (session.recipe, network.hypothesis());
    let test = Evaluation::new(problem, Split::Test).expect("a recipe's problem has test pairs");
    let (hard, hard_rank) = hypothesis.hardened(candidate, session.device).unzip();
    let random = hypothesis.random(candidate, recipe.evaluation.random_rotations, recipe.seed, session.device)?;

    // A completion is judged by its loss too.
    let reads_nothing = hypothesis.kind.needs() == Needs::Nothing;
    let loss = reads_nothing.then_some(recipe.search().objective.loss);
    let edits = [Edit::Candidate(candidate), Edit::Nothing, Edit::Full].into_iter();
    let edits: Vec<Edit<'_>> =
        edits.chain(hard.iter().chain(&random).map(|candidate| Edit::Candidate(candidate))).collect();
    let outcomes = test.outcomes(&edits, loss)?;
    let mean_loss = |edit: usize| {
        let losses: Vec<f64> = outcomes[edit].iter().map(|outcome| outcome.loss).collect();
        losses.iter().sum::<f64>() / losses.len() as f64
    };
    let mut scores = outcomes.iter().map(|outcomes| test.scores(outcomes, |_| true));
    let mut next = || scores.next().expect("a score for each edit");

    let mut measured = Measured {
        answers: network.answers(),
        orthogonality_error: orthogonality_error(&candidate.interventions),
        completions: reads_nothing.then(|| Completions { loss: mean_loss(0), without: mean_loss(1) }),
        hard_rank,
        cache_bytes: problem.cache_bytes(),
        ..Measured::default()
    };
    if recipe.training.isolation > 0.0 {
        let [cause, isolate] = [false, true].map(|keeps| test.scores_keeping(&outcomes[0], keeps));
        measured.disentangled = Disentangled::new(&cause, &isolate);
    }
    measured.set_iia(&next());
    let (none, full) = (next().overall(), next().overall());
    measured.iia_hard = hard.map(|_| next().overall().mean());
    let draws = Scores(random.iter().map(|_| (String::new(), next().overall())).collect());
    let means: Vec<f64> = draws.0.iter().map(|(_, score)| score.mean()).collect();
    measured.controls = Controls {
        no_intervention: none.mean(),
        full_swap: full.mean(),
        random_rotation: means.iter().sum::<f64>() / means.len() as f64,
        untrained_model: None,
    };
    let all = [("no_intervention", none), ("full_swap", full), ("random_rotation", draws.overall())];
    measured.controls_interval = all.iter().map(|(key, score)| ((*key).to_owned(), interval(*score))).collect();
    measured.controls_draws = [("random_rotation".to_owned(), means)].into();
    Ok(measured)
}

/// The control of the untrained model: the same search on the same architecture with weights that are drawn anew.
pub fn untrained_control(session: &mut Session<'_>, network: &dyn Network) -> Result<Score, Error> {
    let untrained = network.untrained()?;
    let mut problem = untrained.problem(&session.storage(), session.observer)?;
    let start = session.start(network.hypothesis())?;
    let config = session.recipe.search();
    session.observer.begin(&network.phase("searching an untrained model"), config.steps);
    let found = search(problem.as_mut(), start, &config, &mut |line| {
        session.observer.step(line.step, line.loss, Some(line.iia));
        Ok(())
    })?;
    session.observer.end();
    let test = Evaluation::new(problem.as_ref(), Split::Test).expect("a recipe's problem has test pairs");
    Ok(test.iia(&found.candidate)?.overall())
}
