//! Recipes: what one run does, in some twenty-five lines of TOML.
//!
//! Every key has a default but the task's name; an unknown key is an error. [`Recipe::load`] reads a file with
//! overrides, and says of a mistake in which line it is and what would be right. [`open`] also takes the name of a recipe
//! that ships with the library. Names of kinds, components and so on are read into their types, once.

mod answers;
mod cache;
mod check;
mod intervention;
mod load;
mod resolve;
mod sections;
mod shipped;
mod sweep;
mod text_or_list;

pub use answers::Answers;
pub use cache::{CacheSection, MemoryLimit};
pub use intervention::{Also, InterventionSection};
pub use load::Override;
pub use sections::{Contrast, Data, EvaluationSection, Model, TaskSection, Training};
pub use shipped::{Shipped, open, shipped};
pub use sweep::{AxisValues, SweepSection};

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::device;

/// One run.
///
/// ```
/// use intervene::recipe::Recipe;
///
/// let text = "
///     [task]
///     name = 'hierarchical_equality'
///     [intervention]
///     component = 'block_output'
///     layer = 0
///     partition = { WX = [0, 32], YZ = [32, 64] }
/// ";
/// let shorter = ["training.steps=200".parse()?];
/// let recipe = Recipe::parse(text, "mine.toml".as_ref(), &shorter)?;
/// assert_eq!((recipe.name.as_str(), recipe.training.steps, recipe.model.width), ("mine", 200, 64));
/// let wrong = Recipe::parse(&text.replace("layer", "layre"), "mine.toml".as_ref(), &[]).unwrap_err().to_string();
/// assert_eq!(wrong, "mine.toml:6: unknown key `layre`; did you mean `layer`?");
/// # Ok::<(), intervene::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// What the run folder is called after; the file's name by default.
    #[serde(default)]
    pub name: String,
    /// Everything random is drawn from it.
    #[serde(default)]
    pub seed: u64,
    /// The device: `auto` (the best that works), `cpu`, `wgpu[:n]`, `cuda[:n]`.
    #[serde(default)]
    pub device: device::Name,
    /// Which task's causal model is looked for; a language model can be searched on `[data]` instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskSection>,
    /// The pairs that a language model is searched on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Data>,
    /// The network that is searched.
    #[serde(default)]
    pub model: Model,
    /// What is trained, and where.
    pub intervention: InterventionSection,
    /// Further places of a language model that are intervened on in the same run, each with an intervention of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Also>,
    /// How it is trained.
    #[serde(default)]
    pub training: Training,
    /// How it is judged.
    #[serde(default)]
    pub evaluation: EvaluationSection,
    /// Where what the frozen language model computes is kept.
    #[serde(default, skip_serializing_if = "CacheSection::is_default")]
    pub cache: CacheSection,
    /// A second network, searched alike, to compare with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contrast: Option<Contrast>,
    /// Which cells `sweep` searches; every other command takes the recipe's single values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sweep: Option<SweepSection>,
    /// What wrote this recipe; only there in run folders.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub versions: BTreeMap<String, String>,
}
