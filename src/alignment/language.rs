//! Tasks with prompts, on a language model: a problem on stored pairs.

use super::interchange::Batch;
use super::{Batches, Cache, PairSet, Problem};
use crate::error::Error;
use crate::models::FrozenModel;
use crate::tasks::Split;

/// A language model and cached pairs.
pub struct LanguageProblem<'a> {
    model: &'a dyn FrozenModel,
    variables: Vec<String>,
    train: Option<Cache<'a>>,
    /// The order of the training pairs, for each candidate its own.
    orders: Vec<Batches>,
    validation: Option<Cache<'a>>,
    test: Option<Cache<'a>>,
}

impl<'a> LanguageProblem<'a> {
    /// A problem without pairs.
    #[must_use]
    pub fn new(model: &'a dyn FrozenModel, variables: &[String]) -> Self {
        Self { model, variables: variables.to_vec(), train: None, orders: vec![], validation: None, test: None }
    }

    /// Sets the pairs that are trained on, with their order for each candidate.
    #[must_use]
    pub fn with_training(mut self, pairs: Cache<'a>, orders: Vec<Batches>) -> Self {
        (self.train, self.orders) = (Some(pairs), orders);
        self
    }

    /// Sets the pairs that searches are validated on.
    #[must_use]
    pub fn with_validation(mut self, pairs: Option<Cache<'a>>) -> Self {
        self.validation = pairs;
        self
    }

    /// Sets the pairs that results are reported on.
    #[must_use]
    pub fn with_test(mut self, pairs: Option<Cache<'a>>) -> Self {
        self.test = pairs;
        self
    }

    /// Whether no pair can change anything ([`Cache::is_idle`]).
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.caches().all(Cache::is_idle)
    }

    fn caches(&self) -> impl Iterator<Item = &Cache<'a>> {
        self.train.iter().chain(&self.validation).chain(&self.test)
    }
}

impl Problem for LanguageProblem<'_> {
    fn model(&self) -> &dyn FrozenModel {
        self.model
    }

    fn variables(&self) -> &[String] {
        &self.variables
    }

    fn draw(&mut self, candidates: &[usize]) -> Result<Batch, Error> {
        let pairs: Vec<usize> = candidates.iter().flat_map(|candidate| self.orders[*candidate].draw()).collect();
        let train = self.train.as_ref().ok_or_else(|| Error::Invalid("there are no pairs to train on".to_owned()))?;
        train.batch(&pairs)
    }

    fn cache_bytes(&self) -> Option<usize> {
        Some(self.caches().map(Cache::bytes).sum())
    }

    fn held_out(&self, split: Split) -> Option<&dyn PairSet> {
        let cache = match split {
            Split::Train => return None,
            Split::Validation => self.validation.as_ref(),
            Split::Test => self.test.as_ref(),
        };
        cache.map(|cache| cache as &dyn PairSet)
    }
}
