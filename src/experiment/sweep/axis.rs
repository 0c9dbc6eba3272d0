//! The axes of a sweep. Everything about one axis is here: its values, its name, its question, and the recipe's key.

use serde::{Deserialize, Serialize};

use crate::data::Position;
use crate::models::{FrozenModel, Pretrained};
use crate::recipe::Recipe;

/// One axis of a sweep, in the order in which cells are counted: the seed changes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Axis {
    Layer,
    Position,
    Head,
    Rank,
    Seed,
}

/// A value of each axis, by its number.
pub type CellIndex = [usize; Axis::ALL.len()];

/// What is varied, each with its values; what is not has one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Axes {
    pub layers: Vec<usize>,
    pub positions: Vec<Position>,
    /// The heads of each cell; none where the component is not made of heads.
    pub heads: Vec<Vec<usize>>,
    /// The rank, where the recipe gives one; else the site's width.
    pub ranks: Vec<Option<usize>>,
    pub seeds: Vec<u64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    pub layer: usize,
    pub position: Position,
    pub heads: Vec<usize>,
    pub rank: Option<usize>,
    pub seed: u64,
}

/// The name of each axis, and the question of a sweep over it.
const WORDS: [(&str, &str); Axis::ALL.len()] = [
    ("layer", "in which layer"),
    ("position", "at which position"),
    ("head", "in which head"),
    ("rank", "in how many directions"),
    ("seed", "from which start"),
];

impl Axis {
    pub const ALL: [Self; 5] = [Self::Layer, Self::Position, Self::Head, Self::Rank, Self::Seed];

    /// The number of axes that name a place, which come first. Cells that differ in the others alone share what the frozen
    /// model computes of the pairs.
    pub const PLACE: usize = 3;

    /// Its name in tables, titles and files.
    pub fn name(self) -> &'static str {
        WORDS[self as usize].0
    }

    /// The question of a sweep over it.
    pub fn question(self) -> &'static str {
        WORDS[self as usize].1
    }

    pub fn length(self, axes: &Axes) -> usize {
        match self {
            Self::Layer => axes.layers.len(),
            Self::Position => axes.positions.len(),
            Self::Head => axes.heads.len(),
            Self::Rank => axes.ranks.len(),
            Self::Seed => axes.seeds.len(),
        }
    }

    /// A cell's value as text; `None` for whole rows and for the full rank.
    pub fn text(self, cell: &Cell) -> Option<String> {
        match self {
            Self::Layer => Some(cell.layer.to_string()),
            Self::Position => Some(cell.position.to_string()),
            Self::Head => (!cell.heads.is_empty()).then(|| heads(&cell.heads)),
            Self::Rank => cell.rank.map(|rank| rank.to_string()),
            Self::Seed => Some(cell.seed.to_string()),
        }
    }

    pub fn apply(self, cell: &Cell, recipe: &mut Recipe) {
        match self {
            Self::Layer => recipe.intervention.layer = cell.layer,
            Self::Position => recipe.intervention.position = cell.position.clone(),
            Self::Head => recipe.intervention.heads.clone_from(&cell.heads),
            Self::Rank => recipe.intervention.rank = cell.rank,
            Self::Seed => recipe.training.seed = (cell.seed != recipe.seed).then_some(cell.seed),
        }
    }
}

impl Axes {
    /// The values of the recipe's `[sweep]` on this model; an axis without a key there has the recipe's single value.
    pub fn new(recipe: &Recipe, model: &Pretrained) -> Self {
        let asked = recipe.sweep.clone().unwrap_or_default();
        let single = &recipe.intervention;
        let shape = model.site_shape(single.component.site());
        let heads = shape.and_then(|shape| shape.heads).unwrap_or(0);
        Self {
            layers: asked.layers.map_or_else(|| vec![single.layer], |axis| axis.values(model.n_layers())),
            positions: asked.positions.unwrap_or_else(|| vec![single.position.clone()]),
            heads: asked.heads.map_or_else(
                || vec![single.heads.clone()],
                |axis| axis.values(heads).into_iter().map(|head| vec![head]).collect(),
            ),
            ranks: asked.ranks.map_or_else(|| vec![single.rank], |axis| axis.values(0).into_iter().map(Some).collect()),
            seeds: asked.seeds.map_or_else(
                || vec![recipe.search_seed()],
                |axis| axis.values(0).into_iter().map(|seed| seed as u64).collect(),
            ),
        }
    }

    pub fn lengths(&self) -> CellIndex {
        Axis::ALL.map(|axis| axis.length(self))
    }

    pub fn varied(&self) -> Vec<Axis> {
        Axis::ALL.into_iter().filter(|axis| axis.length(self) > 1).collect()
    }

    pub fn cell(&self, [layer, position, head, rank, seed]: CellIndex) -> Cell {
        Cell {
            layer: self.layers[layer],
            position: self.positions[position].clone(),
            heads: self.heads[head].clone(),
            rank: self.ranks[rank],
            seed: self.seeds[seed],
        }
    }

    /// What a value of an axis is called.
    pub fn label(&self, axis: Axis, at: usize) -> String {
        let mut index = CellIndex::default();
        index[axis as usize] = at;
        axis.text(&self.cell(index)).unwrap_or_else(|| "full".to_owned())
    }
}

/// Heads as one word: `3`, or `0+3` for two that are taken together.
fn heads(heads: &[usize]) -> String {
    heads.iter().map(usize::to_string).collect::<Vec<_>>().join("+")
}
