//! Any supported language model, loaded from a Hugging Face checkpoint folder.

use std::ops::Range;
use std::path::Path;

use burn::tensor::{Device, Int, Tensor};
use serde::Deserialize;

use super::checkpoint::{Checkpoint, read_json};
use super::{
    Context, Dimensions, Dtype, FrozenModel, Gemma, Gemma2, Gpt2, GptNeox, LanguageModel, Llama, Qwen3, SiteShape,
};
use crate::error::Error;
use crate::tap::{Component, Tap};

/// `model_type` in config.json, for every family that is supported.
const SUPPORTED: [&str; 8] = ["gpt2", "gpt_neox", "llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2"];

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
#[derive(Clone, Debug)]
pub struct Pretrained {
    identity: String,
    model_type: String,
    family: Family,
}

/// One variant and one file per family.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "there are one or two of them in a run")]
enum Family {
    Gpt2(Box<Gpt2>),
    GptNeox(Box<GptNeox>),
    Llama(Box<Llama>),
    Qwen3(Box<Qwen3>),
    Gemma(Box<Gemma>),
    Gemma2(Box<Gemma2>),
}

#[derive(Deserialize)]
struct Config {
    model_type: Option<String>,
    #[serde(default)]
    architectures: Option<Vec<String>>,
    quantization_config: Option<serde::de::IgnoredAny>,
}

impl Pretrained {
    /// Reads `config.json` and the weights of a checkpoint folder. Whatever is wrong with them is said before any
    /// weight is read.
    ///
    /// Nothing of the model is ever on an autodiff device, whatever `device` is.
    pub fn load(folder: &Path, dtype: Dtype, device: &Device) -> Result<Self, Error> {
        let model_type = model_type(folder)?;
        let device = &device.clone().inner();
        let weights = Checkpoint::open(folder)?;
        let family = match model_type.as_str() {
            "gpt2" => Family::Gpt2(Box::new(Gpt2::load(folder, &weights, dtype, device)?)),
            "gpt_neox" => Family::GptNeox(Box::new(GptNeox::load(folder, &weights, dtype, device)?)),
            "qwen3" => Family::Qwen3(Box::new(Qwen3::load(folder, &weights, dtype, device)?)),
            "gemma" => Family::Gemma(Box::new(Gemma::load(folder, &weights, dtype, device)?)),
            "gemma2" => Family::Gemma2(Box::new(Gemma2::load(folder, &weights, dtype, device)?)),
            _ => Family::Llama(Box::new(Llama::load(folder, &weights, dtype, device)?)),
        };
        Ok(Self { identity: folder.display().to_string(), model_type, family })
    }

    /// Where the model came from.
    #[must_use]
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// The family, as config.json names it.
    #[must_use]
    pub fn model_type(&self) -> &str {
        &self.model_type
    }

    /// The sizes.
    #[must_use]
    pub fn dimensions(&self) -> &Dimensions {
        match &self.family {
            Family::Gpt2(model) => model.dimensions(),
            Family::GptNeox(model) => model.dimensions(),
            Family::Llama(model) => model.dimensions(),
            Family::Qwen3(model) => model.dimensions(),
            Family::Gemma(model) => model.dimensions(),
            Family::Gemma2(model) => model.dimensions(),
        }
    }

    /// The norm between the last layer and the logits.
    ///
    /// # Shapes
    /// - hidden, output: `[batch, seq, d_model]`
    #[must_use]
    pub fn norm(&self, hidden: Tensor<3>) -> Tensor<3> {
        match &self.family {
            Family::Gpt2(model) => model.norm(hidden),
            Family::GptNeox(model) => model.norm(hidden),
            Family::Llama(model) => model.norm(hidden),
            Family::Qwen3(model) => model.norm(hidden),
            Family::Gemma(model) => model.norm(hidden),
            Family::Gemma2(model) => model.norm(hidden),
        }
    }

    fn model(&self) -> &dyn LanguageModel {
        match &self.family {
            Family::Gpt2(model) => model.as_ref(),
            Family::GptNeox(model) => model.as_ref(),
            Family::Llama(model) => model.as_ref(),
            Family::Qwen3(model) => model.as_ref(),
            Family::Gemma(model) => model.as_ref(),
            Family::Gemma2(model) => model.as_ref(),
        }
    }
}

/// The supported family of a checkpoint folder, or what is there instead.
fn model_type(folder: &Path) -> Result<String, Error> {
    let path = folder.join("config.json");
    let config: Config = read_json(&path)?;
    let supported = SUPPORTED.join(", ");
    let name = config.model_type.unwrap_or_default();
    if !SUPPORTED.contains(&name.as_str()) {
        let architecture = config.architectures.unwrap_or_default().join(", ");
        let problem = format!(
            "the architecture `{architecture}` (model_type `{name}`) is not supported; supported are: {supported}"
        );
        return Err(Error::content(&path, problem));
    }
    if config.quantization_config.is_some() {
        let problem = "has a quantization_config: quantised weights are not supported; take the f32, bf16 or f16 ones";
        return Err(Error::content(&path, problem));
    }
    Ok(name)
}

impl FrozenModel for Pretrained {
    fn n_layers(&self) -> usize {
        self.model().n_layers()
    }

    fn site_shape(&self, component: Component) -> Option<SiteShape> {
        self.model().site_shape(component)
    }

    fn layers(&self, hidden: Tensor<3>, range: Range<usize>, context: &mut Context, tap: &mut dyn Tap) -> Tensor<3> {
        self.model().layers(hidden, range, context, tap)
    }

    fn unembed(&self, hidden: Tensor<3>) -> Tensor<3> {
        self.model().unembed(hidden)
    }

    fn unembed_only(&self, hidden: Tensor<3>, only: &Tensor<1, Int>) -> Tensor<3> {
        self.model().unembed_only(hidden, only)
    }
}

impl LanguageModel for Pretrained {
    fn vocab_size(&self) -> usize {
        self.model().vocab_size()
    }

    fn max_positions(&self) -> Option<usize> {
        self.model().max_positions()
    }

    fn embed(&self, tokens: Tensor<2, Int>, context: &Context) -> Tensor<3> {
        self.model().embed(tokens, context)
    }
}
