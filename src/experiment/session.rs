//! What every step of a run needs.

use std::path::PathBuf;

use burn::tensor::Device;

use super::hypothesis::Hypothesis;
use super::random::{RandomStream, rng};
use crate::alignment::{Candidate, Storage};
use crate::error::Error;
use crate::recipe::Recipe;
use crate::report::{Log, Observer};

/// What makes a search smaller on a device.
pub const LOWER: &str = "training.batch (training.accumulate makes up for it), fewer cells of a sweep at once, cache.level = \"host\", \
                         model.dtype = \"bf16\"";

pub struct Session<'a> {
    pub recipe: &'a Recipe,
    pub device: &'a Device,
    pub observer: &'a mut dyn Observer,
    pub log: Option<Log>,
    /// Where files go: the run folder of a training run, else a folder for temporary files.
    pub folder: PathBuf,
    /// The run folder whose networks are read instead of being trained.
    pub trained: Option<PathBuf>,
}

impl Session<'_> {
    /// Where results of the frozen model are stored.
    pub fn storage(&self) -> Storage {
        self.recipe.cache.storage(&self.folder)
    }

    pub fn start(&self, hypothesis: &Hypothesis) -> Result<Candidate, Error> {
        let tracked = self.device.clone().autodiff();
        hypothesis.start(&mut rng(self.recipe.search_seed(), RandomStream::Rotation), &tracked)
    }
}
