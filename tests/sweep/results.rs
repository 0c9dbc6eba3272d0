//! A sweep leaves a table, heatmaps and the run of its best cell.

use std::fs;

use serde_json::Value;

use super::{CELLS, Work, json, searched, stderr};
use crate::common::program;

#[test]
fn a_sweep_leaves_a_table_heatmaps_and_the_run_of_the_best_cell() {
    let work = Work::new();
    let output = work.swept("out", &[]);
    let table = work.table("out");
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split(',').collect()).collect();
    let header =
        "layer,position,head,rank,seed,iia,iia_low,iia_high,loss,hard_rank,random_rotation,steps".split(',').collect();
    assert_eq!((lines.len(), &lines[0]), (1 + CELLS, &header));
    assert_eq!(lines[1][..5], ["0", "0", "", "1", "0"]);
    assert_eq!(lines[CELLS][..5], ["1", "last", "", "2", "1"]);
    assert_eq!(searched(&stderr(&output)), CELLS);

    let maps = ["rank1-seed0", "rank1-seed1", "rank2-seed0", "rank2-seed1"];
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for map in maps {
        assert!(fs::read(work.path("out").join(format!("heatmap-{map}.png"))).unwrap().starts_with(b"\x89PNG"));
        let (rank, seed) = (&map[4..5], &map[10..]);
        assert!(text.contains(&format!("recipe: IIA by layer and position (rank {rank}, seed {seed})")), "{text}");
    }
    for line in &lines[1..] {
        let iia: f64 = line[5].parse().unwrap();
        assert!(text.contains(&format!("{iia:.2}")), "{iia} is in no heatmap: {text}");
        let [low, high] = [6, 7].map(|at| line[at].parse::<f64>().unwrap());
        assert!((0.0..=iia).contains(&low) && (iia..=1.0).contains(&high), "{line:?}");
        // Every prompt begins with the same token, so at position 0 there is nothing to exchange.
        assert_eq!(line[11], if line[1] == "0" { "0" } else { "60" });
    }

    // The best cell has the highest IIA, and the lowest loss among equals.
    let number = |line: &[&str], at: usize| line[at].parse::<f64>().unwrap();
    let better = |a: &&Vec<&str>, b: &&Vec<&str>| {
        number(a, 5).total_cmp(&number(b, 5)).then(number(b, 8).total_cmp(&number(a, 8)))
    };
    let best = lines[1..].iter().max_by(better).unwrap();
    let whole = json(&work.path("out/sweep.json"));
    assert_eq!(whole["best"]["layer"].to_string(), best[0]);
    assert_eq!(whole["best"]["judged"]["iia"].as_f64(), Some(number(best, 5)));
    let recipe = intervene::recipe::Recipe::load(&work.path("out/best/recipe.toml"), &[]).unwrap();
    assert_eq!(recipe.intervention.layer.to_string(), best[0]);
    assert_eq!(recipe.intervention.position.to_string(), best[1]);
    assert_eq!(recipe.intervention.rank.unwrap().to_string(), best[3]);
    assert_eq!(recipe.search_seed().to_string(), best[4]);
    assert!(recipe.sweep.is_none());

    let best = work.path("out/best");
    let again: Value =
        serde_json::from_str(&program::printed(&["evaluate", best.to_str().unwrap(), "--json"])).unwrap();
    assert_eq!(again["iia"], json(&best.join("metrics.json"))["iia"]);
    program::refused(&["evaluate", work.path("out").to_str().unwrap()], &["this is a sweep's folder", "best/"]);

    // Run again, the sweep has nothing left to do and prints the heatmaps.
    let cell = work.path("out/cells/0000.json");
    let before = fs::metadata(&cell).unwrap().modified().unwrap();
    let again = work.swept("out", &[]);
    assert_eq!(fs::metadata(&cell).unwrap().modified().unwrap(), before);
    assert!(text.starts_with(String::from_utf8_lossy(&again.stdout).split("\n\n").next().unwrap()));
    assert_eq!(fs::read_dir(work.path("out/claims")).unwrap().count(), 0, "no claim stays");
}
