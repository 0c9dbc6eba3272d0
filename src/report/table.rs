//! The table that is printed at the end of a run.

use comfy_table::{Cell, CellAlignment, LineStyle, Table, presets};

/// The width of an interval's text, in characters.
const INTERVAL: usize = 14;

/// One line: a label, its value, and its interval if there is one.
#[derive(Clone, Debug)]
pub struct TableRow {
    /// The heading of its group; empty for none.
    pub group: String,
    /// The name of the measure.
    pub label: String,
    /// The value.
    pub value: f64,
    /// The lower and the upper end of the interval.
    pub interval: Option<(f64, f64)>,
}

impl TableRow {
    /// A line of a group.
    #[must_use]
    pub fn new(group: &str, label: &str, value: f64, interval: Option<(f64, f64)>) -> Self {
        Self { group: group.to_owned(), label: label.to_owned(), value, interval }
    }
}

/// The measurements on one network.
#[derive(Clone, Debug)]
pub struct Column {
    /// The name of the network.
    pub name: String,
    /// The lines.
    pub rows: Vec<TableRow>,
}

/// Each pair of group and label in the columns, once, in the order of its first occurrence.
pub(super) fn lines(columns: &[Column]) -> Vec<(&str, &str)> {
    let mut lines: Vec<(&str, &str)> = Vec::new();
    for row in columns.iter().flat_map(|column| &column.rows) {
        let line = (row.group.as_str(), row.label.as_str());
        if !lines.contains(&line) {
            // A label of a later column is inserted at the end of its group.
            let at = lines.iter().rposition(|known| known.0 == line.0).map_or(lines.len(), |last| last + 1);
            lines.insert(at, line);
        }
    }
    lines
}

/// The columns side by side as text, with one line for each group and label in the order of their first occurrence, and a
/// dash if a column has no such line.
#[must_use]
pub fn table(columns: &[Column]) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY.row_separator(LineStyle::none()));
    let names = columns.iter().map(|column| Cell::new(&column.name).set_alignment(CellAlignment::Right));
    table.set_header([Cell::new("")].into_iter().chain(names).collect::<Vec<_>>());
    let mut last_group = "";
    for (group, label) in lines(columns) {
        if group != last_group {
            last_group = group;
            table.add_row([Cell::new(group)]);
        }
        let indent = if group.is_empty() { "" } else { "  " };
        let values = columns.iter().map(|column| {
            let row = column.rows.iter().find(|row| row.group == group && row.label == label);
            Cell::new(row.map_or_else(|| format!("–  {:INTERVAL$}", ""), row_text)).set_alignment(CellAlignment::Right)
        });
        table.add_row([Cell::new(format!("{indent}{label}"))].into_iter().chain(values).collect::<Vec<_>>());
    }
    table.trim_fmt()
}

/// A value with three decimals, or as a power of ten if they would show 0, and its interval or as many spaces.
fn row_text(row: &TableRow) -> String {
    let value = if row.value != 0.0 && row.value.abs() < 5e-4 {
        format!("{:.1e}", row.value)
    } else {
        format!("{:.3}", row.value)
    };
    let interval = row.interval.map_or(String::new(), |(low, high)| format!("[{low:.3}, {high:.3}]"));
    format!("{value}  {interval:INTERVAL$}")
}
