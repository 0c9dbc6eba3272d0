//! Specifications: TOML files with any combination of interventions.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::tensor::{DType, Device, TensorData};
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;

use crate::data::Positions;
use crate::error::Error;
use crate::intervenable::{During, Layout, Order};
use crate::interventions::{AnyIntervention, Kind, NamedTensors};
use crate::saved::RunConfig;
use crate::{files, places};

/// The interventions that `apply` and `generate --with` perform on a model.
///
/// ```toml
/// order = "parallel"              # or "serial": source 0 edits source 1, source 1 edits the base
/// during = "prompt"               # the steps of a generation that are edited: "prompt", "generated" or "both"
///
/// [[interventions]]
/// site = "12.block_output"
/// kind = "vanilla"
/// positions = "text:John"         # default: the positions of the line of inputs, or else the last token
/// source_positions = "text:Mary"  # default: `positions`, resolved in the source
/// source = 0                      # the number of the line's source
///
/// [[interventions]]
/// site = "20.head_attention_value_output"
/// heads = [0, 3]
/// kind = "rotated_space"
/// weights = "rotation.safetensors"
/// subspace = [0, 1]               # columns of the space; with `partition`, numbers of its parts
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// How the sources depend on each other.
    #[serde(default)]
    pub order: Order,
    /// The steps of a generation that are edited.
    #[serde(default)]
    pub during: During,
    /// The seed of everything that is drawn at random.
    #[serde(default)]
    pub seed: u64,
    /// The interventions, in the order in which they act at one site.
    pub interventions: Vec<InterventionSpec>,
    /// Whether all tokens are edited if no positions are given; otherwise the last token is.
    #[serde(skip)]
    pub everywhere: bool,
    /// For interventions that were trained on a known model: their number, the path of their config, and the config.
    #[serde(skip)]
    pub(super) made_for: Vec<(usize, PathBuf, RunConfig)>,
    #[serde(skip)]
    file: PathBuf,
    #[serde(skip)]
    text: String,
}

/// One intervention of a [`Spec`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InterventionSpec {
    /// `LAYER.COMPONENT`
    pub site: String,
    /// The kind of intervention.
    pub kind: Kind,
    /// The tokens that are edited.
    pub positions: Option<Positions>,
    /// The tokens of the source that are read; the same positions by default.
    pub source_positions: Option<Positions>,
    /// The heads of a `head_` site; all heads by default.
    pub heads: Option<Vec<usize>>,
    /// The number of the line's source that is read. Interventions with the same number share one run of it.
    pub source: Option<usize>,
    /// Interventions with the same link share their weights.
    pub link: Option<String>,
    /// Whether several units are separate rows or concatenated into one row.
    #[serde(default)]
    pub units: Layout,
    /// The columns of the space that are exchanged; with `partition`, the numbers of its parts.
    pub subspace: Option<Vec<usize>>,
    /// The parts of the space: a list of two numbers is a range of columns, any other list names columns.
    pub partition: Option<Vec<Vec<usize>>>,
    /// A row that replaces the source's rows.
    pub constant: Option<Constant>,
    /// The factor of the constant; 1 by default.
    pub coefficient: Option<f64>,
    /// A safetensors file with the intervention's tensors, with pyvene's names.
    pub weights: Option<PathBuf>,
    /// Without `weights`: the rank of a random rotation, for comparison.
    pub rank: Option<usize>,
    /// The factor of random noise.
    pub level: Option<f64>,
}

/// A row of numbers, or the file and tensor with it.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "a list of numbers, or { file = \"…\", tensor = \"…\" }")]
pub enum Constant {
    /// The numbers, `[width]`.
    Values(Vec<f32>),
    /// A tensor of a safetensors file, `[width]`.
    File {
        /// The file.
        file: PathBuf,
        /// The tensor's name.
        tensor: String,
    },
}

impl Spec {
    /// Reads a specification's file.
    pub fn load(path: &Path) -> Result<Self, Error> {
        Self::parse(files::read_text(path)?, path)
    }

    /// Reads a text. `path` is its path in errors, and other files' paths are relative to its folder.
    pub(super) fn parse(text: String, path: &Path) -> Result<Self, Error> {
        let mut spec: Self = places::parse(&text, path)?;
        if spec.interventions.is_empty() {
            return Err(Error::content(path, "has no [[interventions]]: at least one is needed"));
        }
        let mut links: BTreeMap<&str, &InterventionSpec> = BTreeMap::new();
        for (number, one) in spec.interventions.iter().enumerate() {
            let Some(link) = &one.link else { continue };
            let first = *links.entry(link).or_insert(one);
            if first.kind != one.kind || (one.weights.is_some() && one.weights != first.weights) {
                let problem =
                    format!("the link `{link}` joins different interventions: they need the same kind and weights");
                return Err(error_at(&text, path, number, "link", &Error::Invalid(problem)));
            }
        }
        (spec.file, spec.text) = (path.to_owned(), text);
        Ok(spec)
    }

    /// Multiplies the constants by a coefficient; an error if there are none.
    pub fn scale(&mut self, coefficient: f64) -> Result<(), Error> {
        if self.interventions.iter().all(|one| one.constant.is_none()) {
            let problem = "has no constant, so there is nothing to multiply by a coefficient";
            return Err(Error::content(&self.file, problem));
        }
        for one in self.interventions.iter_mut().filter(|one| one.constant.is_some()) {
            one.coefficient = Some(coefficient * one.coefficient.unwrap_or(1.0));
        }
        Ok(())
    }

    /// The error about a key of the `number`-th intervention, with file and line.
    #[must_use]
    pub fn error_at(&self, number: usize, key: &str, error: &Error) -> Error {
        error_at(&self.text, &self.file, number, key, error)
    }

    /// Reads the tensors of one intervention, with the names and dtypes of their file; an error for dtypes other than floats
    /// and I64. `path` is relative to the specification's folder.
    fn tensors(&self, path: &Path) -> Result<NamedTensors, Error> {
        let path = &self.path(path);
        let bytes = files::read(path)?;
        let file = SafeTensors::deserialize(&bytes)
            .map_err(|error| Error::content(path, format!("not a whole safetensors file: {error}")))?;
        let tensor = |(name, view): (String, safetensors::tensor::TensorView<'_>)| {
            let dtype = match view.dtype() {
                Dtype::F64 => DType::F64,
                Dtype::F32 => DType::F32,
                Dtype::F16 => DType::F16,
                Dtype::BF16 => DType::BF16,
                Dtype::I64 => DType::I64,
                other => {
                    let problem = format!("{name} has dtype {other:?}: floats or I64 are needed");
                    return Err(Error::content(path, problem));
                }
            };
            Ok((name, TensorData::from_bytes_vec(view.data().to_vec(), view.shape().to_vec(), dtype)))
        };
        file.tensors().into_iter().map(tensor).collect()
    }

    /// Reads an intervention from its file of tensors.
    pub(super) fn intervention(&self, kind: Kind, path: &Path, device: &Device) -> Result<AnyIntervention, Error> {
        AnyIntervention::from_tensors(kind, &self.tensors(path)?, None, device)
    }

    /// Resolves a path of the file, relative to the file's folder.
    #[must_use]
    pub fn path(&self, path: &Path) -> PathBuf {
        self.file.parent().map_or_else(|| path.to_owned(), |folder| folder.join(path))
    }
}

fn error_at(text: &str, path: &Path, number: usize, key: &str, error: &Error) -> Error {
    let span = places::find(text, &format!("interventions.{number}.{key}"));
    Error::Recipe { place: places::place(text, path, span), problem: format!("{key}: {error}") }
}
