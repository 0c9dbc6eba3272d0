//! The recipes that ship, and the axes of a sweep.

use std::fs;

use intervene::recipe::{AxisValues, Recipe, SweepSection, open, shipped};

#[test]
fn every_shipped_recipe_checks_and_says_what_it_does() {
    assert!(!shipped().is_empty());
    for recipe in shipped() {
        assert!(recipe.summary.len() > 20, "{}: {}", recipe.name, recipe.summary);
        open(recipe.name, &[]).unwrap();
    }
}

fn values(text: &str) -> Vec<usize> {
    text.parse::<AxisValues>().unwrap().values(4)
}

#[test]
fn ranges_leave_out_their_end() {
    assert_eq!(values("0..3"), [0, 1, 2]);
    assert_eq!(values("2..9:3"), [2, 5, 8]);
    assert_eq!(values("2..8:3"), [2, 5]);
    assert_eq!(values("all"), [0, 1, 2, 3]);
    assert_eq!(AxisValues::List(vec![7, 5]).values(4), [7, 5]);
}

#[test]
fn what_is_no_axis_is_refused() {
    for text in ["", "3", "0..", "..3", "0..3:0", "0..3:x", "-1..3", "0-3", "every"] {
        let error = text.parse::<AxisValues>().unwrap_err().to_string();
        assert!(error.contains(&format!("`{text}` is no axis")) && error.contains("\"0..30:3\""), "{error}");
    }
    let refused = |axis: &str| {
        let text = fs::read_to_string("recipes/gender_agreement_das_smollm2.toml").unwrap();
        let text = format!("{text}\n[sweep]\n{axis}\n");
        Recipe::parse(&text, "x.toml".as_ref(), &[]).unwrap_err().to_string()
    };
    assert!(refused("layers = \"3..3\"").ends_with("sweep.layers: at least one is needed"));
    assert!(refused("seeds = [1, 5, 1]").ends_with("sweep.seeds: 1 stands there twice"));
    assert!(refused("positions = [\"last\", \"last\"]").ends_with("sweep.positions: last stands there twice"));
    assert!(refused("ranks = \"all\"").contains("sweep.ranks: "));
}

#[test]
fn an_axis_is_written_as_it_was_read() {
    for text in ["layers = [0, 5]\n", "layers = \"0..30\"\n", "layers = \"0..30:3\"\n", "layers = \"all\"\n"] {
        let sweep: SweepSection = toml::from_str(text).unwrap();
        let written = toml::to_string(&sweep).unwrap();
        assert!(written.starts_with(text), "{text} became {written}");
    }
}
