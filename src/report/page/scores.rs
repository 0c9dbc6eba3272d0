//! Shares with their 95% intervals: a table whose rows have bars.

use serde::Serialize;

use super::super::colour::SERIES;
use super::super::table::{Column, lines};

/// The measures under one heading.
#[derive(Serialize)]
pub(super) struct MeasureGroup {
    name: String,
    measures: Vec<Measure>,
}

/// One measure, for each column that has it.
#[derive(Serialize)]
struct Measure {
    label: String,
    values: Vec<ShareBar>,
}

/// The share of one column and its interval.
#[derive(Serialize)]
struct ShareBar {
    column: String,
    colour: usize,
    value: f64,
    low: Option<f64>,
    high: Option<f64>,
}

/// The table: the names of the columns, and the measures in their groups.
#[derive(Serialize)]
pub(super) struct ScoreTable {
    columns: Vec<String>,
    groups: Vec<MeasureGroup>,
}

pub(super) fn view(columns: &[Column]) -> ScoreTable {
    let mut groups: Vec<MeasureGroup> = Vec::new();
    for (group, label) in lines(columns) {
        let score = |(at, column): (usize, &Column)| {
            let row = column.rows.iter().find(|row| row.group == group && row.label == label)?;
            let (low, high) = row.interval.unzip();
            Some(ShareBar { column: column.name.clone(), colour: at % SERIES.len(), value: row.value, low, high })
        };
        let values = columns.iter().enumerate().filter_map(score).collect();
        let measure = Measure { label: label.to_owned(), values };
        match groups.last_mut().filter(|last| last.name == group) {
            Some(last) => last.measures.push(measure),
            None => groups.push(MeasureGroup { name: group.to_owned(), measures: vec![measure] }),
        }
    }
    ScoreTable { columns: columns.iter().map(|column| column.name.clone()).collect(), groups }
}

#[cfg(test)]
mod tests {
    use super::super::super::table::TableRow;
    use super::*;

    #[test]
    fn columns_meet_in_their_measures() {
        let column = |name: &str, last: &str| Column {
            name: name.into(),
            rows: vec![
                TableRow::new("IIA", "overall", 0.9, Some((0.8, 0.95))),
                TableRow::new("Controls", "full swap", 0.2, None),
                TableRow::new("Controls", last, 0.4, None),
            ],
        };
        let columns = [column("a", "random rotation"), column("b", "untrained model")];
        let scores = view(&columns);
        assert_eq!(scores.columns, ["a", "b"]);
        let counts: Vec<Vec<usize>> =
            scores.groups.iter().map(|group| group.measures.iter().map(|m| m.values.len()).collect()).collect();
        assert_eq!(counts, [vec![2], vec![2, 1, 1]]);
        let score = &scores.groups[0].measures[0].values[1];
        assert_eq!((score.value, score.low, score.colour), (0.9, Some(0.8), 1));
    }
}
