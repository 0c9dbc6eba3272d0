//! Which searches a sweep consists of, and in which order.

use serde::{Deserialize, Serialize};

use crate::data::Position;
use crate::error::Error;
use crate::models::{FrozenModel, Pretrained};
use crate::recipe::Recipe;

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

/// Cells that are searched in one pass; the more there are, the more memory a step takes.
const TOGETHER: usize = 16;

/// The names of the axes, in their order.
pub const AXES: [&str; 5] = ["layer", "position", "head", "rank", "seed"];

/// A value of each axis, by its number.
pub type Index = [usize; 5];

/// One search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    pub layer: usize,
    pub position: Position,
    pub heads: Vec<usize>,
    pub rank: Option<usize>,
    pub seed: u64,
}

/// Cells of one layer, position and head. They share what the frozen model makes of the pairs, so they are searched
/// together, and one process takes them all.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// What its file is called.
    pub name: String,
    pub cells: Vec<Cell>,
}

impl Axes {
    /// What the recipe's `[sweep]` asks for, of this model.
    pub fn new(recipe: &Recipe, model: &Pretrained) -> Result<Self, Error> {
        let asked = recipe.sweep.clone().unwrap_or_default();
        let single = &recipe.intervention;
        let shape = model.site_shape(single.component.site());
        let heads = shape.and_then(|shape| shape.heads).unwrap_or(0);
        Ok(Self {
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
        })
    }

    /// How many values each axis has.
    pub fn lengths(&self) -> Index {
        [self.layers.len(), self.positions.len(), self.heads.len(), self.ranks.len(), self.seeds.len()]
    }

    /// Every cell's numbers, in order: layer by layer, the seed first to change.
    pub fn indices(&self) -> Vec<Index> {
        let mut all = vec![[0; 5]];
        for (axis, length) in self.lengths().into_iter().enumerate() {
            let with = |index: Index| {
                (0..length).map(move |at| {
                    let mut index = index;
                    index[axis] = at;
                    index
                })
            };
            all = all.into_iter().flat_map(with).collect();
        }
        all
    }

    /// The cell of these numbers.
    pub fn cell(&self, [layer, position, head, rank, seed]: Index) -> Cell {
        Cell {
            layer: self.layers[layer],
            position: self.positions[position].clone(),
            heads: self.heads[head].clone(),
            rank: self.ranks[rank],
            seed: self.seeds[seed],
        }
    }

    /// What a value of an axis is called.
    pub fn label(&self, axis: usize, at: usize) -> String {
        match axis {
            0 => self.layers[at].to_string(),
            1 => self.positions[at].to_string(),
            2 => heads(&self.heads[at]),
            3 => self.ranks[at].map_or_else(|| "full".to_owned(), |rank| rank.to_string()),
            _ => self.seeds[at].to_string(),
        }
    }

    /// The groups of cells, layer by layer.
    pub fn groups(&self) -> Vec<Group> {
        let indices = self.indices();
        let alike = indices.chunk_by(|a, b| a[..3] == b[..3]);
        let groups = alike.flat_map(|alike| alike.chunks(TOGETHER)).enumerate();
        let group = |(number, cells): (usize, &[Index])| Group {
            name: format!("{number:04}"),
            cells: cells.iter().map(|index| self.cell(*index)).collect(),
        };
        groups.map(group).collect()
    }
}

/// Heads as one word: `3`, or `0+3` for two that are taken together.
pub fn heads(heads: &[usize]) -> String {
    heads.iter().map(usize::to_string).collect::<Vec<_>>().join("+")
}

impl Cell {
    /// The recipe of this cell alone.
    pub fn recipe(&self, sweep: &Recipe) -> Recipe {
        let mut recipe = sweep.clone();
        recipe.sweep = None;
        recipe.intervention.layer = self.layer;
        recipe.intervention.position = self.position.clone();
        recipe.intervention.heads.clone_from(&self.heads);
        recipe.intervention.rank = self.rank;
        recipe.training.seed = (self.seed != recipe.seed).then_some(self.seed);
        recipe
    }

    /// The recipe that the cell is searched with: with a cell's steps.
    pub fn searched(&self, sweep: &Recipe) -> Recipe {
        let mut recipe = self.recipe(sweep);
        let steps = sweep.sweep.as_ref().and_then(|sweep| sweep.steps);
        recipe.training.steps = steps.unwrap_or(recipe.training.steps);
        recipe
    }

    /// `layer 3, position last, head 1, rank 2, seed 0`
    pub fn title(&self) -> String {
        let mut title = format!("layer {}, position {}", self.layer, self.position);
        if !self.heads.is_empty() {
            title += &format!(", head {}", heads(&self.heads));
        }
        if let Some(rank) = self.rank {
            title += &format!(", rank {rank}");
        }
        title + &format!(", seed {}", self.seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axes() -> Axes {
        Axes {
            layers: vec![3, 1],
            positions: vec![Position::Index(0), Position::Index(-1)],
            heads: vec![vec![]],
            ranks: vec![Some(1), Some(2)],
            seeds: vec![0, 7],
        }
    }

    #[test]
    fn cells_go_layer_by_layer_and_a_place_holds_its_ranks_and_seeds() {
        let places = axes().groups();
        assert_eq!(
            places.iter().map(|place| place.name.as_str()).collect::<Vec<_>>(),
            ["0000", "0001", "0002", "0003"]
        );
        let layers: Vec<usize> = places.iter().map(|place| place.cells[0].layer).collect();
        assert_eq!(layers, [3, 3, 1, 1]);
        let searches = |group: &Group| group.cells.iter().map(|cell| (cell.rank, cell.seed)).collect::<Vec<_>>();
        for place in &places {
            assert_eq!(searches(place), [(Some(1), 0), (Some(1), 7), (Some(2), 0), (Some(2), 7)]);
            assert!(place.cells.iter().all(|cell| cell.position == place.cells[0].position));
        }
        assert_eq!(places[1].cells[3].title(), "layer 3, position -1, rank 2, seed 7");
    }
}
