//! `index.json`, read.

use std::collections::BTreeMap;
use std::path::Path;

use intervene::models::{FrozenModel, Pretrained};
use intervene::tap::Component;
use serde::Deserialize;
use serde_json::Value;

use crate::common::families::load;
use crate::common::numbers::Numbers;

/// A model, its cases and their numbers.
pub struct Family {
    pub model: Pretrained,
    pub io: Numbers,
    pub numbers: Numbers,
    pub cases: Vec<Case>,
}

impl Family {
    pub fn open(folder: &Path) -> Self {
        let index = std::fs::read(folder.join("index.json")).unwrap();
        Self {
            model: load(folder),
            io: Numbers::open(&folder.join("io.safetensors")),
            numbers: Numbers::open(&folder.join("cases.safetensors")),
            cases: serde_json::from_slice(&index).unwrap_or_else(|error| panic!("{}: {error}", folder.display())),
        }
    }

    /// The rows of `input_ids.i`.
    pub fn tokens(&self, input: usize) -> Vec<Vec<u32>> {
        tokens(&self.io.rows(&format!("input_ids.{input}")))
    }

    /// The width of one unit of a component: a position's row, or a head's part of it.
    pub fn unit_width(&self, component: Component) -> usize {
        let shape = self.model.site_shape(component).unwrap();
        if component.is_head() { shape.width / shape.heads.unwrap() } else { shape.width }
    }
}

pub fn tokens(rows: &[Vec<i64>]) -> Vec<Vec<u32>> {
    rows.iter().map(|row| row.iter().map(|token| u32::try_from(*token).unwrap()).collect()).collect()
}

#[derive(Deserialize)]
pub struct Case {
    pub id: String,
    #[serde(default)]
    pub mode: Mode,
    pub representations: Vec<Representation>,
    #[serde(default)]
    pub base: usize,
    pub sources: Option<Vec<Option<usize>>>,
    #[serde(default)]
    pub unit_locations: Value,
    #[serde(default)]
    pub subspaces: Value,
    #[serde(default)]
    pub kwargs: Kwargs,
    pub logits: Option<String>,
    #[serde(default)]
    pub collected: Vec<String>,
    pub tokens: Option<String>,
    pub manual_ref_logits: Option<String>,
    pub manual_ref_maxabs_diff: Option<f64>,
    pub error: Option<String>,
    // Only cases named `train.*` have these.
    pub layer: Option<usize>,
    pub component: Option<String>,
    pub pos: Option<usize>,
    pub lr: Option<f64>,
    pub boundary_lr: Option<f64>,
    pub steps: Option<usize>,
    pub temperatures: Option<String>,
    pub loss: Option<String>,
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    #[default]
    Parallel,
    Serial,
}

#[derive(Default, Deserialize)]
pub struct Kwargs {
    #[serde(default)]
    pub intervene_on_prompt: bool,
}

#[derive(Deserialize)]
pub struct Representation {
    pub layer: usize,
    pub component: String,
    pub unit: String,
    pub intervention_type: String,
    pub embed_dim: Option<usize>,
    pub subspace_partition: Option<Vec<Vec<usize>>>,
    pub group_key: Option<Value>,
    pub intervention_link_key: Option<Value>,
    #[serde(default)]
    pub weights: BTreeMap<String, String>,
    pub source_representation: Option<String>,
}

impl Representation {
    pub fn component(&self) -> Component {
        self.component.parse().unwrap()
    }
}

impl Case {
    /// The group of each representation, which is the number of its source: by its key, or each its own.
    pub fn groups(&self) -> Vec<usize> {
        let mut keys: Vec<&Value> = Vec::new();
        let mut groups = Vec::new();
        for (number, representation) in self.representations.iter().enumerate() {
            groups.push(match &representation.group_key {
                None => number,
                // pyvene requires ascending keys, so the first occurrence of a key opens the next group.
                Some(key) => keys.iter().position(|known| *known == key).unwrap_or_else(|| {
                    keys.push(key);
                    keys.len() - 1
                }),
            });
        }
        groups
    }
}
