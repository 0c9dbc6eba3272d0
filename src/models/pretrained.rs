//! Language models of any supported family, loaded from a Hugging Face checkpoint folder.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use burn::tensor::{Device, Int, Tensor};
use serde::Deserialize;

use super::checkpoint::{Checkpoint, read_json};
use super::context::Context;
use super::dimensions::{Dimensions, SiteShape};
use super::dtype::Dtype;
use super::families::{AnyModel, Family};
use super::model::{FrozenModel, LanguageModel};
use super::untrained::Untrained;
use super::weights::{Loader, WeightSource};
use crate::error::Error;
use crate::tap::{Component, Tap};

/// A frozen language model with its weights.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use intervene::models::{Context, Dtype, FrozenModel, LanguageModel, Pretrained};
///
/// let device = Device::flex();
/// let model = Pretrained::load("tests/fixtures/pyvene/gpt2".as_ref(), Dtype::F32, &device)?;
/// let mut context = Context::full(1, 3);
/// let hidden = model.embed(Tensor::from_data([[5, 9, 2]], &device), &context); // [batch, seq, d_model]
/// let hidden = model.layers(hidden, 0..model.n_layers(), &mut context, &mut ());
/// assert_eq!(model.unembed(hidden).dims(), [1, 3, model.vocab_size()]);
/// # Ok::<(), intervene::Error>(())
/// ```
#[derive(Clone)]
pub struct Pretrained {
    identity: String,
    family: &'static Family,
    model: AnyModel,
}

#[derive(Deserialize)]
struct Header {
    model_type: Option<String>,
    #[serde(default)]
    architectures: Option<Vec<String>>,
    quantization_config: Option<serde::de::IgnoredAny>,
}

impl Pretrained {
    /// Reads `config.json` and the weights of a checkpoint folder. Every error in them is reported before any weight is
    /// read.
    ///
    /// No part of the model is ever on an autodiff device, whatever `device` is.
    pub fn load(folder: &Path, dtype: Dtype, device: &Device) -> Result<Self, Error> {
        let (path, family) = family(folder)?;
        let source = WeightSource::Checkpoint(Checkpoint::open(folder)?);
        let loader = Loader { path, source, dtype, device: device.clone().inner() };
        Ok(Self { identity: folder.display().to_string(), family, model: (family.load)(&loader)? })
    }

    /// The architecture of a checkpoint folder with random initial weights, the control for what training contributes.
    ///
    /// The weights are drawn as transformers initialises the family: linear and embedding matrices from a normal
    /// distribution with standard deviation `initializer_range` (GPT-2 divides that of its residual projections by
    /// √(2 · layers)), biases 0, norms 1, tied heads tied. They are drawn on the host from `seed`, so a seed gives the
    /// same weights on every device. Only `config.json` is read; its `dtype` is that of [`Dtype::Keep`].
    pub fn untrained(folder: &Path, seed: u64, dtype: Dtype, device: &Device) -> Result<Self, Error> {
        let (path, family) = family(folder)?;
        let source = WeightSource::Untrained(Untrained::new(&path, seed)?);
        let loader = Loader { path, source, dtype, device: device.clone().inner() };
        let identity = format!("{} (untrained, seed {seed})", folder.display());
        Ok(Self { identity, family, model: (family.load)(&loader)? })
    }

    /// The checkpoint folder; for an untrained model, the folder and the seed.
    #[must_use]
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// The `model_type` of `config.json`.
    #[must_use]
    pub fn model_type(&self) -> &'static str {
        self.family.model_type
    }
}

impl fmt::Debug for Pretrained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Pretrained");
        shown.field("identity", &self.identity).field("model_type", &self.family.model_type).finish_non_exhaustive()
    }
}

/// The configuration file of a checkpoint folder and its family; an error if the model is not supported.
fn family(folder: &Path) -> Result<(PathBuf, &'static Family), Error> {
    let path = folder.join("config.json");
    let header: Header = read_json(&path)?;
    let architectures = header.architectures.unwrap_or_default();
    let family =
        Family::find(header.model_type.as_deref(), &architectures).map_err(|problem| Error::content(&path, problem))?;
    if header.quantization_config.is_some() {
        let problem = "has a quantization_config: quantised weights are not supported; use the f32, bf16 or f16 ones";
        return Err(Error::content(&path, problem));
    }
    Ok((path, family))
}

impl FrozenModel for Pretrained {
    fn n_layers(&self) -> usize {
        self.model.n_layers()
    }

    fn site_shape(&self, component: Component) -> Option<SiteShape> {
        self.model.site_shape(component)
    }

    fn layers(&self, hidden: Tensor<3>, range: Range<usize>, context: &mut Context, tap: &mut dyn Tap) -> Tensor<3> {
        self.model.layers(hidden, range, context, tap)
    }

    fn unembed(&self, hidden: Tensor<3>) -> Tensor<3> {
        self.model.unembed(hidden)
    }

    fn unembed_only(&self, hidden: Tensor<3>, only: &Tensor<1, Int>) -> Tensor<3> {
        self.model.unembed_only(hidden, only)
    }
}

impl LanguageModel for Pretrained {
    fn dimensions(&self) -> &Dimensions {
        self.model.dimensions()
    }

    fn embed(&self, tokens: Tensor<2, Int>, context: &Context) -> Tensor<3> {
        self.model.embed(tokens, context)
    }

    fn norm(&self, hidden: Tensor<3>) -> Tensor<3> {
        self.model.norm(hidden)
    }
}
