//! The heatmap of a sweep: the colour, the texts and the link of each cell.

use serde::Serialize;
use serde_json::{Value, json};

use super::super::colour::{Rgb, text_on, viridis};
use super::super::heatmap::{Heatmap, cell_text};
use super::content::{SweepCell, SweepGrid};
use super::plot;

/// The template's values for one cell.
#[derive(Serialize)]
struct Square {
    /// Its value with two decimals.
    text: String,
    /// Its name and its value with four decimals, for the tooltip.
    name: String,
    value: String,
    interval: Option<String>,
    /// The colours of the cell and of its text; `None` if it was not measured.
    ground: Option<String>,
    ink: Option<String>,
    best: bool,
    /// The id of the panel that it links to.
    panel: Option<String>,
}

/// The template's values for a sweep. `id` prefixes the ids of its panels.
pub(super) fn view(sweep: &SweepGrid, id: &str) -> Value {
    let maps: Vec<Value> = sweep.maps.iter().zip(&sweep.cells).map(|(map, cells)| map_view(map, cells, id)).collect();
    let panels = sweep.cells.iter().flatten().flatten().map(|cell| {
        let row = sweep.rows.get(cell.row);
        let values: Vec<(&String, &String)> = sweep.columns.iter().zip(row.into_iter().flatten()).collect();
        json!({
            "id": panel(id, cell),
            "name": cell.name,
            "best": cell.best,
            "values": values,
            "plot": cell.curve.as_ref().map(plot::view),
        })
    });
    let panels: Vec<Value> = panels.collect();
    let scale: Vec<String> = (0..=16).map(|at| css(viridis(f64::from(at) / 16.0))).collect();
    let ends = sweep.maps.first().map(|map| map.range);
    json!({
        "maps": maps, "panels": panels, "scale": scale, "ends": ends, "columns": sweep.columns, "rows": sweep.rows,
    })
}

fn map_view(map: &Heatmap, cells: &[Option<SweepCell>], id: &str) -> Value {
    let columns = map.columns.len();
    let square = |at: usize, value: Option<f64>| {
        let cell = cells.get(at).and_then(Option::as_ref);
        let ground = value.map(|value| viridis(map.share(value)));
        let place = || {
            let (row, column) = (&map.rows[at / columns], &map.columns[at % columns]);
            format!("{} {row}, {} {column}", map.row_axis, map.column_axis)
        };
        Square {
            text: cell_text(value),
            name: cell.map_or_else(place, |cell| cell.name.clone()),
            value: value.map_or_else(|| "not measured".to_owned(), |value| format!("{value:.4}")),
            interval: cell.and_then(|cell| cell.interval).map(|(low, high)| format!("{low:.3} to {high:.3}")),
            ground: ground.map(css),
            ink: ground.map(|ground| css(text_on(ground))),
            best: cell.is_some_and(|cell| cell.best),
            panel: cell.map(|cell| panel(id, cell)),
        }
    };
    let row = |(at, name): (usize, &String)| {
        let values = map.values[at].iter().enumerate();
        let squares: Vec<Square> = values.map(|(column, value)| square(at * columns + column, *value)).collect();
        json!({"name": name, "squares": squares})
    };
    let rows: Vec<Value> = map.rows.iter().enumerate().map(row).collect();
    json!({
        "title": map.title,
        "row_axis": map.row_axis,
        "column_axis": map.column_axis,
        "columns": map.columns,
        "rows": rows,
    })
}

fn panel(id: &str, cell: &SweepCell) -> String {
    format!("{id}-cell-{}", cell.row)
}

fn css([red, green, blue]: Rgb) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}
