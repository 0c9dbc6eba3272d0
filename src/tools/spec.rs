//! Specifications: any combination of interventions, as TOML.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::data::Positions;
use crate::error::Error;
use crate::intervenable::{During, Layout, Order};
use crate::interventions::Kind;
use crate::saved::RunConfig;
use crate::{files, places};

/// What is done to a model, in a file of its own.
///
/// ```toml
/// order = "parallel"              # or "serial": source 0 into source 1, that into the base
/// during = "prompt"               # while generating: "prompt", "generated" or "both"
///
/// [[interventions]]
/// site = "12.block_output"
/// kind = "vanilla"
/// positions = "text:John"         # what a line of inputs says, or the last token, without it
/// source_positions = "text:Mary"  # `positions`, looked for in the source, without it
/// source = 0                      # which of a line's sources
///
/// [[interventions]]
/// site = "20.head_attention_value_output"
/// heads = [0, 3]
/// kind = "rotated_space"
/// weights = "rotation.safetensors"
/// subspace = [0, 1]               # columns of the space, or with `partition` numbers of its parts
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// What the sources are to each other.
    #[serde(default)]
    order: OrderName,
    /// When a generation is edited.
    #[serde(default)]
    during: DuringName,
    /// What is random is drawn from it.
    #[serde(default)]
    pub seed: u64,
    /// What is done, in this order where several act at one site.
    pub interventions: Vec<InterventionSpec>,
    /// Which tokens are edited where nothing says so: all of them, or the last.
    #[serde(skip)]
    pub everywhere: bool,
    /// Interventions that were made for a model: their number, the config that says so, and what it says.
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
    /// Which intervention.
    pub kind: Kind,
    /// Which tokens are edited.
    pub positions: Option<Positions>,
    /// Which tokens of the source are read; the same by default.
    pub source_positions: Option<Positions>,
    /// Which heads, at a `head_` site; all of them by default.
    pub heads: Option<Vec<usize>>,
    /// Which of a line's sources is read. Interventions that name the same one share its run.
    pub source: Option<usize>,
    /// Interventions with the same link share their weights.
    pub link: Option<String>,
    /// Several units are a row each, or one long row.
    #[serde(default)]
    units: UnitsName,
    /// The columns of the space that are exchanged, or the numbers of the parts of `partition`.
    pub subspace: Option<Vec<usize>>,
    /// The space cut into parts: a pair is a range of columns, any other list names columns.
    pub partition: Option<Vec<Vec<usize>>>,
    /// A row in the source's place.
    pub constant: Option<Constant>,
    /// What the constant is multiplied by; 1 by default.
    pub coefficient: Option<f64>,
    /// A safetensors file of the intervention's tensors, under pyvene's names.
    pub weights: Option<PathBuf>,
    /// Without weights: the rank of a rotation that is drawn at random, for comparison.
    pub rank: Option<usize>,
    /// Noise that is drawn: what it is multiplied by.
    pub level: Option<f64>,
}

/// Numbers, or where they are.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "a list of numbers, or { file = \"…\", tensor = \"…\" }")]
pub enum Constant {
    /// Here.
    Values(Vec<f32>),
    /// A tensor of a safetensors file, `[width]`.
    File {
        /// The file.
        file: PathBuf,
        /// The tensor's name.
        tensor: String,
    },
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OrderName {
    #[default]
    Parallel,
    Serial,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum DuringName {
    #[default]
    Prompt,
    Generated,
    Both,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum UnitsName {
    #[default]
    Separate,
    Concatenated,
}

impl Spec {
    /// Reads a file.
    pub fn load(path: &Path) -> Result<Self, Error> {
        Self::parse(files::read_text(path)?, path)
    }

    /// Reads a text; `path` names it in messages, and other files are looked for beside it.
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
                    format!("the link `{link}` joins different interventions: kind and weights have to be the same");
                return Err(wrong(&text, path, number, "link", &Error::Invalid(problem)));
            }
        }
        (spec.file, spec.text) = (path.to_owned(), text);
        Ok(spec)
    }

    /// Multiplies the constants; an error where there are none.
    pub fn scale(&mut self, coefficient: f64) -> Result<(), Error> {
        if self.interventions.iter().all(|one| one.constant.is_none()) {
            let problem = "has no constant for a coefficient to multiply";
            return Err(Error::content(&self.file, problem));
        }
        for one in self.interventions.iter_mut().filter(|one| one.constant.is_some()) {
            one.coefficient = Some(coefficient * one.coefficient.unwrap_or(1.0));
        }
        Ok(())
    }

    /// An error about a key of the `number`-th intervention, with file and line.
    #[must_use]
    pub fn wrong(&self, number: usize, key: &str, error: &Error) -> Error {
        wrong(&self.text, &self.file, number, key, error)
    }

    /// A path as the file means it: from its own folder.
    #[must_use]
    pub fn path(&self, path: &Path) -> PathBuf {
        self.file.parent().map_or_else(|| path.to_owned(), |folder| folder.join(path))
    }

    /// What the sources are to each other.
    #[must_use]
    pub const fn order(&self) -> Order {
        match self.order {
            OrderName::Parallel => Order::Parallel,
            OrderName::Serial => Order::Serial,
        }
    }

    /// When a generation is edited.
    #[must_use]
    pub const fn during(&self) -> During {
        match self.during {
            DuringName::Prompt => During::Prompt,
            DuringName::Generated => During::Generated,
            DuringName::Both => During::Both,
        }
    }
}

impl InterventionSpec {
    /// How several units lie.
    #[must_use]
    pub const fn layout(&self) -> Layout {
        match self.units {
            UnitsName::Separate => Layout::Separate,
            UnitsName::Concatenated => Layout::Concatenated,
        }
    }
}

fn wrong(text: &str, path: &Path, number: usize, key: &str, error: &Error) -> Error {
    let found = places::find(text, &format!("interventions.{number}.{key}"));
    Error::Recipe { place: places::place(text, path, found), problem: format!("{key}: {error}") }
}
