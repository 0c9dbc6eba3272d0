//! What a language model is built from: its configuration and a source of weights.

use std::path::PathBuf;

use burn::tensor::Device;
use serde::de::DeserializeOwned;

use super::checkpoint::read_json;
use super::dtype::Dtype;
use super::weights::{WeightSource, Weights};
use crate::error::Error;

/// What a language model is built from.
pub(super) struct Loader<'a> {
    /// The model's `config.json`.
    pub path: PathBuf,
    pub source: WeightSource,
    pub dtype: Dtype,
    pub device: &'a Device,
}

impl Loader<'_> {
    /// Reads the configuration.
    pub fn config<C: DeserializeOwned>(&self) -> Result<C, Error> {
        read_json(&self.path)
    }

    /// Builds the model from its tensors, whose names in a checkpoint may come with or without `prefix`.
    pub fn build<T>(&self, prefix: &'static str, build: impl Fn(&mut Weights) -> T) -> Result<T, Error> {
        Weights::load(&self.source, prefix, self.dtype, self.device, build)
    }
}
