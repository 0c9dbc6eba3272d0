//! Which searches a sweep consists of, and in which order.

use super::axis::{Axes, Axis, Cell, CellIndex};
use crate::recipe::Recipe;

/// Cells that are searched in one pass; the more there are, the more memory a step takes.
const TOGETHER: usize = 16;

/// Cells of one layer, position and head. They share what the frozen model makes of the pairs, so they are searched
/// together, and one process takes them all.
#[derive(Clone, Debug, PartialEq)]
pub struct CellGroup {
    pub name: String,
    pub cells: Vec<Cell>,
}

impl Axes {
    /// Every cell's numbers, in order: layer by layer, the seed first to change.
    pub fn indices(&self) -> Vec<CellIndex> {
        let mut all = vec![CellIndex::default()];
        for (axis, length) in self.lengths().into_iter().enumerate() {
            let with = |index: CellIndex| {
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

    pub fn groups(&self) -> Vec<CellGroup> {
        let indices = self.indices();
        let alike = indices.chunk_by(|a, b| a[..Axis::PLACE] == b[..Axis::PLACE]);
        let groups = alike.flat_map(|alike| alike.chunks(TOGETHER)).enumerate();
        let group = |(number, cells): (usize, &[CellIndex])| CellGroup {
            name: format!("{number:04}"),
            cells: cells.iter().map(|index| self.cell(*index)).collect(),
        };
        groups.map(group).collect()
    }
}

impl Cell {
    /// The recipe of this cell alone.
    pub fn recipe(&self, sweep: &Recipe) -> Recipe {
        let mut recipe = sweep.clone();
        recipe.sweep = None;
        for axis in Axis::ALL {
            axis.apply(self, &mut recipe);
        }
        recipe
    }

    /// The recipe that the cell is searched with: with a cell's steps.
    pub fn searched(&self, sweep: &Recipe) -> Recipe {
        let mut recipe = self.recipe(sweep);
        let steps = sweep.sweep.as_ref().and_then(|sweep| sweep.steps);
        recipe.training.steps = steps.unwrap_or(recipe.training.steps);
        recipe
    }

    pub fn title(&self) -> String {
        let part = |axis: Axis| Some(format!("{} {}", axis.name(), axis.text(self)?));
        Axis::ALL.into_iter().filter_map(part).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Position;

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
        let searches = |group: &CellGroup| group.cells.iter().map(|cell| (cell.rank, cell.seed)).collect::<Vec<_>>();
        for place in &places {
            assert_eq!(searches(place), [(Some(1), 0), (Some(1), 7), (Some(2), 0), (Some(2), 7)]);
            assert!(place.cells.iter().all(|cell| cell.position == place.cells[0].position));
        }
        assert_eq!(places[1].cells[3].title(), "layer 3, position -1, rank 2, seed 7");
    }
}
