//! The numbers of a heatmap.

use intervene::report::Heatmap;

/// The values 0 and 1 on the diagonal, none beside it.
pub fn diagonal() -> Heatmap {
    let [title, row_axis, column_axis] = ["IIA", "layer", "position"].map(str::to_owned);
    let rows = vec!["0".to_owned(), "1".to_owned()];
    let columns = vec!["a, b".to_owned(), "say \"c\"".to_owned()];
    let values = vec![vec![Some(0.0), None], vec![None, Some(1.0)]];
    Heatmap { title, row_axis, column_axis, rows, columns, values, range: (0.0, 1.0) }
}

#[test]
fn csv_quotes_and_leaves_empty() {
    assert_eq!(diagonal().csv(), "layer,\"a, b\",\"say \"\"c\"\"\"\n0,0,\n1,,1\n");
}

#[test]
fn a_missing_value_is_an_error() {
    let mut map = diagonal();
    map.values[1].pop();
    let error = map.png().unwrap_err().to_string();
    assert_eq!(error, "heatmap: 2 rows and 2 columns are named, but the rows' lengths are [2, 1]");
}
