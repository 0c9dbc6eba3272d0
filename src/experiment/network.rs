//! One interface to an MLP on a feature task and to a language model on prompts.

use std::path::Path;

use super::hypothesis::Hypothesis;
use crate::alignment::{Candidate, Location, Problem, Storage};
use crate::error::Error;
use crate::interventions::AnyIntervention;
use crate::report::Observer;
use crate::saved::{ModelIdentity, RunConfig};

/// A frozen model with a recipe's pairs, and the hypothesis about it.
pub trait Network {
    /// The heading of its column and its curve.
    fn title(&self) -> String;

    /// The name of a phase of its work in the log and in progress bars.
    fn phase(&self, name: &str) -> String;

    /// What is searched for in it, and where.
    fn hypothesis(&self) -> &Hypothesis;

    /// How often the model solves its task, where the right answers are known.
    fn task_accuracy(&self) -> Result<Option<f64>, Error>;

    /// The only tokens that may be answers; empty where there is no such restriction.
    fn answers(&self) -> Vec<String> {
        Vec::new()
    }

    /// The recipe's problem; computes what the frozen model makes of stored pairs.
    fn problem(&self, storage: &Storage, observer: &mut dyn Observer) -> Result<Box<dyn Problem + '_>, Error>;

    /// The recipe's problem with its test pairs alone, for evaluation.
    fn test_problem(&self, storage: &Storage, observer: &mut dyn Observer) -> Result<Box<dyn Problem + '_>, Error>;

    /// The same network with weights that are drawn anew and not trained.
    fn untrained(&self) -> Result<Box<dyn Network + '_>, Error>;

    fn identity(&self) -> ModelIdentity;

    /// Writes what lies beside the intervention in the run folder.
    fn save(&self, folder: &Path, problem: &dyn Problem, candidate: &Candidate) -> Result<(), Error>;

    /// The `config.json` of each of a candidate's interventions.
    fn configs(&self, candidate: &Candidate) -> Vec<RunConfig> {
        let (identity, hypothesis) = (self.identity(), self.hypothesis());
        let config = |((location, [width, _]), intervention): ((&Location, &[usize; 2]), &AnyIntervention)| {
            RunConfig::new(identity.clone(), location, *width, &hypothesis.partition, intervention)
        };
        hypothesis.locations.iter().zip(&hypothesis.sizes).zip(&candidate.interventions).map(config).collect()
    }
}
