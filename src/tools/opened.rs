//! The model, tokenizer and device of a command.

use std::path::PathBuf;

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::data::{InputPrompt, Tokenised, Tokenizer};
use crate::error::Error;
use crate::models::{Dtype, FrozenModel, LanguageModel, Pretrained, SiteShape};
use crate::report::Observer;
use crate::tap::{Component, Site};
use crate::{device, hub};

/// The flags that choose a model: a checkpoint folder or `ORG/NAME[@REVISION]` on the Hub, a device's name, a dtype.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the fields are the flags of the program")]
pub struct ModelChoice {
    pub model: String,
    pub device: String,
    pub dtype: Dtype,
}

/// A model with its device, folder and tokenizer.
pub struct OpenedModel {
    /// The model.
    pub model: Pretrained,
    /// The model's device.
    pub device: Device,
    /// The checkpoint folder.
    pub folder: PathBuf,
    tokenizer: Option<Tokenizer>,
}

impl OpenedModel {
    /// Loads the model, and its tokenizer if the folder has one.
    pub fn open(choice: &ModelChoice, observer: &mut dyn Observer) -> Result<Self, Error> {
        let device = device::find(&choice.device, observer)?;
        let folder = hub::resolve(&choice.model, observer)?;
        // The small file is read first, so that its errors come before the large file is loaded.
        let tokenizer = folder.join("tokenizer.json").is_file().then(|| Tokenizer::load(&folder)).transpose()?;
        let model = Pretrained::load(&folder, choice.dtype, &device)?;
        Ok(Self { model, device, folder, tokenizer })
    }

    pub(super) fn on_the_cpu(model: &str, dtype: Dtype, observer: &mut dyn Observer) -> Result<Self, Error> {
        Self::open(&ModelChoice { model: model.to_owned(), device: "cpu".to_owned(), dtype }, observer)
    }

    /// The tokenizer; an error if the folder has none.
    pub fn tokenizer(&self) -> Result<&Tokenizer, Error> {
        self.tokenizer.as_ref().ok_or_else(|| {
            Error::content(
                &self.folder,
                "has no tokenizer.json, so texts cannot be tokenised: give token ids in a file of inputs",
            )
        })
    }

    /// Tokenises a text, or takes token ids. Returns an error if the model lacks a token, or if the prompt is too long.
    pub fn prompt(&self, text: &InputPrompt) -> Result<Tokenised, Error> {
        let prompt = text.prompt(self.tokenizer.as_ref())?;
        let vocabulary = self.model.vocab_size();
        if let Some(token) = prompt.tokens().iter().find(|token| **token as usize >= vocabulary) {
            return Err(Error::Invalid(format!("token {token} is not in the vocabulary of {vocabulary}")));
        }
        if let Some(most) = self.model.max_positions().filter(|most| prompt.len() > *most) {
            return Err(Error::Invalid(format!("{} tokens are more than the model's {most} positions", prompt.len())));
        }
        Ok(prompt)
    }

    /// Tokenises a text, with the errors of [`Self::prompt`]; an error if there is no tokenizer.
    pub fn text(&self, text: &str) -> Result<Tokenised, Error> {
        self.tokenizer()?;
        self.prompt(&InputPrompt::Text(text.to_owned()))
    }

    /// A token's text, or its id if there is no tokenizer.
    #[must_use]
    pub fn token(&self, token: u32) -> String {
        self.tokenizer.as_ref().map_or_else(|| token.to_string(), |tokenizer| tokenizer.token(token))
    }

    /// The prompts as one tensor, padded on the right. # Shapes: output `[batch, longest]`
    #[must_use]
    pub fn tokens(&self, prompts: &[&[u32]]) -> Tensor<2, Int> {
        let longest = prompts.iter().map(|prompt| prompt.len()).max().unwrap_or(0);
        let padded = prompts.iter().flat_map(|prompt| {
            let padding = std::iter::repeat_n(0, longest - prompt.len());
            prompt.iter().map(|token| i64::from(*token)).chain(padding)
        });
        Tensor::from_data(TensorData::new(padded.collect(), [prompts.len(), longest]), &self.device)
    }

    /// The width and heads of a component; an error, with the model's components, if the model does not have it.
    pub fn shape(&self, component: Component) -> Result<SiteShape, Error> {
        self.model.site_shape(component).ok_or_else(|| {
            let known = Component::ALL.into_iter().filter(|known| self.model.site_shape(*known).is_some());
            let known: Vec<&str> = known.map(Component::name).collect();
            let hint = format!("; there are: {}", known.join(", "));
            Error::Unknown { what: "component of this model", name: component.to_string(), hint }
        })
    }

    /// The width and heads of a site; an error if the model does not have the layer or the component.
    pub fn check_site(&self, site: Site) -> Result<SiteShape, Error> {
        let layers = self.model.n_layers();
        if site.layer >= layers {
            return Err(Error::Invalid(format!(
                "{site}: layer {} does not exist: the model has {layers} layers, counted from 0",
                site.layer
            )));
        }
        self.shape(site.component)
    }
}
