//! What every step of a run needs.

use std::path::{Path, PathBuf};

use burn::tensor::Device;

use super::hypothesis::Hypothesis;
use super::random::{RandomStream, rng};
use crate::alignment::{Candidate, Storage};
use crate::device;
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

impl<'a> Session<'a> {
    /// A session without a log that trains its networks itself.
    pub fn new(recipe: &'a Recipe, device: &'a Device, observer: &'a mut dyn Observer, folder: &Path) -> Self {
        Self { recipe, device, observer, log: None, folder: folder.to_owned(), trained: None }
    }

    /// Names the device to the observer, unless it is the processor.
    pub fn note_device(&mut self) {
        if !device::is_cpu(self.device) {
            self.observer.note(&format!("device: {}", device::describe(self.device)));
        }
    }

    /// Where results of the frozen model are stored.
    pub fn storage(&self) -> Storage {
        self.recipe.cache.storage(&self.folder)
    }

    pub fn start(&self, hypothesis: &Hypothesis) -> Result<Candidate, Error> {
        let tracked = self.device.clone().autodiff();
        hypothesis.start(&mut rng(self.recipe.search_seed(), RandomStream::Rotation), &tracked)
    }
}
