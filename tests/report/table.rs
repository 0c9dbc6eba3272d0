//! The table at the end of a run.

use intervene::report::{Column, TableRow, table};

#[test]
fn two_networks_stand_side_by_side() {
    let column = |name: &str, iia: f64, last: &str| Column {
        name: name.into(),
        rows: vec![
            TableRow::new("IIA", "overall", iia, Some((iia - 0.002, iia + 0.001))),
            TableRow::new("IIA", "WX", iia, None),
            TableRow::new("Controls", "random rotation", 0.5432, None),
            TableRow::new("Controls", last, 0.61, None),
            TableRow::new("", "orthogonality error", 2.4e-7, None),
        ],
    };
    let text = table(&[column("network", 0.998, "full swap"), column("contrast", 0.87, "untrained model")]);
    let expected = "\
───────────────────────────────────────────────────────────────────────
                                      network                 contrast
═══════════════════════════════════════════════════════════════════════
 IIA
   overall              0.998  [0.996, 0.999]    0.870  [0.868, 0.871]
   WX                   0.998                    0.870
 Controls
   random rotation      0.543                    0.543
   full swap            0.610                        –
   untrained model          –                    0.610

 orthogonality error   2.4e-7                   2.4e-7
───────────────────────────────────────────────────────────────────────";
    assert_eq!(text, expected);
}
