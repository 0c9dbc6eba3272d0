//! The heatmap as text for a terminal.

use intervene::report::{Heatmap, Ink};

fn sample(rows: usize, columns: usize) -> Heatmap {
    let value = |i: usize, j: usize| ((i * columns + j) as f64 / (rows * columns - 1) as f64).sqrt();
    let values = (0..rows).map(|i| (0..columns).map(|j| (i + j != 1).then(|| value(i, j))).collect()).collect();
    Heatmap {
        title: "IIA by layer and position".into(),
        row_axis: "layer".into(),
        column_axis: "position".into(),
        rows: (0..rows).map(|i| i.to_string()).collect(),
        columns: (0..columns).map(|j| format!("t{j}")).collect(),
        values,
        range: (0.0, 1.0),
    }
}

#[test]
fn plain_is_a_table_of_numbers() {
    let mut map = sample(2, 3);
    map.columns[2] = "a long, long name".into();
    let expected = "\
IIA by layer and position
layer       t0            t1       a long, lon…
    0      0.00           –            0.63
    1       –            0.89          1.00
";
    assert_eq!(map.text(Ink::Plain), expected);
}

#[test]
fn colours_stand_behind_the_numbers() {
    let map = sample(2, 2);
    let text = map.text(Ink::True);
    assert!(text.contains("\x1b[48;2;252;231;33;38;2;17;24;39m 1.00 \x1b[0m"), "{text:?}");
    let text = map.text(Ink::Indexed);
    assert!(text.contains("\x1b[48;5;53;38;5;231m 0.00 \x1b[0m"), "{text:?}");
    assert_eq!(text.matches("\x1b[0m").count(), 2, "a cell without a value has no colour");
}
