//! The heatmaps of a sweep: two axes each, one map for every value of the others.

use super::axis::{Axes, Axis, CellIndex};
use super::table::Finished;
use crate::report::Heatmap;

/// A heatmap, and what its file is called.
pub struct SweepMap {
    pub name: String,
    pub heatmap: Heatmap,
    /// The cells, row by row.
    pub cells: Vec<CellIndex>,
}

/// IIA over the first two axes that have several values, layers by positions where there are fewer.
pub fn maps(title: &str, axes: &Axes, rows: &[&Finished]) -> Vec<SweepMap> {
    let [row, column] = shown(axes.lengths());
    let width = column.length(axes);
    let mut maps: Vec<(Vec<usize>, SweepMap)> = Vec::new();
    for index in axes.indices() {
        let value = |axis: Axis| index[axis as usize];
        let others: Vec<Axis> = Axis::ALL.into_iter().filter(|axis| ![row, column].contains(axis)).collect();
        let key: Vec<usize> = others.iter().map(|axis| value(*axis)).collect();
        let at = maps.iter().position(|(known, _)| *known == key).unwrap_or_else(|| {
            let (mut name, mut of) = ("heatmap".to_owned(), Vec::new());
            for axis in others.iter().filter(|axis| axis.length(axes) > 1) {
                let label = axes.label(*axis, value(*axis));
                name += &format!("-{}{label}", axis.name());
                of.push(format!("{} {label}", axis.name()));
            }
            let of = if of.is_empty() { String::new() } else { format!(" ({})", of.join(", ")) };
            let labels = |axis: Axis| (0..axis.length(axes)).map(|at| axes.label(axis, at)).collect();
            let heatmap = Heatmap {
                title: format!("{title}: IIA by {} and {}{of}", row.name(), column.name()),
                row_axis: row.name().to_owned(),
                column_axis: column.name().to_owned(),
                rows: labels(row),
                columns: labels(column),
                values: vec![vec![None; width]; row.length(axes)],
                range: (0.0, 1.0),
            };
            let cells = vec![CellIndex::default(); row.length(axes) * width];
            maps.push((key, SweepMap { name, heatmap, cells }));
            maps.len() - 1
        });
        maps[at].1.cells[value(row) * width + value(column)] = index;
        let cell = axes.cell(index);
        let found = rows.iter().find(|finished| finished.cell == cell);
        maps[at].1.heatmap.values[value(row)][value(column)] =
            found.and_then(|finished| Some(finished.judged.as_ref()?.iia));
    }
    maps.into_iter().map(|(_, map)| map).collect()
}

fn shown(lengths: CellIndex) -> [Axis; 2] {
    let (long, short): (Vec<Axis>, Vec<Axis>) = Axis::ALL.into_iter().partition(|axis| lengths[*axis as usize] > 1);
    let mut two: Vec<Axis> = long.into_iter().chain(short).take(2).collect();
    two.sort_unstable();
    [two[0], two[1]]
}

#[cfg(test)]
mod tests {
    use super::super::table::Judged;
    use super::*;
    use crate::data::Position;

    #[test]
    fn the_first_two_long_axes_are_shown() {
        assert_eq!(shown([30, 8, 1, 1, 1]), [Axis::Layer, Axis::Position]);
        assert_eq!(shown([1, 1, 1, 1, 1]), [Axis::Layer, Axis::Position]);
        assert_eq!(shown([1, 8, 1, 1, 1]), [Axis::Layer, Axis::Position]);
        assert_eq!(shown([5, 1, 9, 1, 1]), [Axis::Layer, Axis::Head]);
        assert_eq!(shown([1, 1, 9, 4, 2]), [Axis::Head, Axis::Rank]);
        assert_eq!(shown([1, 1, 1, 1, 3]), [Axis::Layer, Axis::Seed]);
    }

    #[test]
    fn each_value_of_a_further_axis_has_its_map() {
        let axes = Axes {
            layers: vec![0, 2],
            positions: vec![Position::Index(-1)],
            heads: vec![vec![]],
            ranks: vec![Some(1), Some(4)],
            seeds: vec![5, 6, 7],
        };
        let finished = |(at, index): (usize, CellIndex)| Finished {
            cell: axes.cell(index),
            judged: Some(Judged {
                iia: at as f64 / 100.0,
                iia_interval: [0.0, 1.0],
                loss: 0.0,
                hard_rank: None,
                random_rotation: None,
                steps: 1,
            }),
            search: Vec::new(),
            seconds: 0.0,
        };
        let mut rows: Vec<Finished> = axes.indices().into_iter().enumerate().map(finished).collect();
        rows.pop();
        let maps = maps("x", &axes, &rows.iter().collect::<Vec<_>>());
        let names: Vec<&str> = maps.iter().map(|map| map.name.as_str()).collect();
        assert_eq!(names, ["heatmap-seed5", "heatmap-seed6", "heatmap-seed7"]);
        let map = &maps[2].heatmap;
        assert_eq!(map.title, "x: IIA by layer and rank (seed 7)");
        assert_eq!(
            (map.rows.clone(), map.columns.clone()),
            (vec!["0".into(), "2".into()], vec!["1".into(), "4".into()])
        );
        assert_eq!(map.values, [[Some(0.02), Some(0.05)], [Some(0.08), None]]);
        map.check().unwrap();
    }
}
