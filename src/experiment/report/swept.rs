//! A sweep's folder as a chapter of the report.

use std::path::Path;

use toml::Table;

use super::chapter::{self, RecipeText};
use super::words;
use crate::error::Error;
use crate::experiment::sweep::{self, Axis, Finished, SweepMap, Swept, columns, maps};
use crate::recipe::Recipe;
use crate::report::page::{Chapter, Figure, QuantityCurves, SweepCell, SweepGrid};
use crate::saved::RunConfig;

/// Reads a sweep's folder; its recipe comes beside, for comparisons. What is said of one run is said of the best cell's.
pub fn read(folder: &Path) -> Result<(Chapter, Table), Error> {
    let swept = sweep::read(folder)?;
    let RecipeText { text, recipe, table } = RecipeText::read(folder)?;
    let (best, _) = chapter::read(&folder.join("best"))?;
    let config = RunConfig::read(&folder.join("best"))?;
    let variables = chapter::variables(&recipe, &config);
    let name = chapter::folder_name(folder);
    let varied = swept.axes.varied();
    let judged = || swept.finished.iter().filter_map(|cell| Some(cell.judged.as_ref()?.iia));
    let high = judged().filter(|iia| *iia >= 0.9).count();
    let chapter = Chapter {
        name: recipe.name.clone(),
        question: words::where_is(chapter::asked(&recipe, &config)?.as_deref(), &variables, &varied),
        answer: format!(
            "Best at {}: {} of {} cells reach 0.9 on the validation pairs. Trained again in full there: {}",
            swept.best.cell.title(),
            high,
            swept.finished.len(),
            best.answer
        ),
        facts: facts(&swept, &varied, best.facts),
        figures: [figure(&swept, &varied)].into_iter().chain(best.figures).collect(),
        sweep: Some(grid(&recipe, &swept)),
        commands: vec![
            format!("intervene sweep {name}/recipe.toml --out again   # the same sweep once more"),
            format!("intervene evaluate {name}/best                   # the best cell's run, measured again"),
        ],
        recipe: text,
        ..best
    };
    Ok((chapter, table))
}

fn figure(swept: &Swept, varied: &[Axis]) -> Figure {
    let lengths: Vec<String> = varied.iter().map(|axis| axis.length(&swept.axes).to_string()).collect();
    Figure { name: "Cells searched".to_owned(), value: swept.finished.len().to_string(), note: lengths.join(" × ") }
}

/// The sweep's, then the best cell's.
fn facts(swept: &Swept, varied: &[Axis], best: Vec<(String, String)>) -> Vec<(String, String)> {
    let counts = varied.iter().map(|axis| format!("{} {}s", axis.length(&swept.axes), axis.name()));
    let counts: Vec<String> = counts.collect();
    let seconds: f64 = swept.finished.iter().map(|cell| cell.seconds).sum();
    let diverged = swept.finished.iter().filter(|cell| cell.judged.is_none()).count();
    let mut facts = vec![
        ("Cells".to_owned(), if counts.is_empty() { "one".to_owned() } else { counts.join(" × ") }),
        ("Searches".to_owned(), format!("{seconds:.0} s together")),
    ];
    if diverged > 0 {
        facts.push(("Diverged".to_owned(), format!("{diverged} cells, left blank")));
    }
    facts.push(("Best cell".to_owned(), swept.best.cell.title()));
    facts.extend(best);
    facts
}

fn grid(recipe: &Recipe, swept: &Swept) -> SweepGrid {
    let maps = maps(&recipe.name, &swept.axes, &swept.finished.iter().collect::<Vec<_>>());
    let of_map = |map: &SweepMap| map.cells.iter().map(|index| cell(swept, &swept.axes.cell(*index))).collect();
    SweepGrid {
        cells: maps.iter().map(of_map).collect(),
        maps: maps.into_iter().map(|map| map.heatmap).collect(),
        columns: columns().map(str::to_owned).collect(),
        rows: swept.finished.iter().map(|finished| finished.fields().map(short).collect()).collect(),
    }
}

fn cell(swept: &Swept, of: &sweep::Cell) -> Option<SweepCell> {
    let row = swept.finished.iter().position(|finished| finished.cell == *of)?;
    let Finished { judged, search, .. } = &swept.finished[row];
    let points: Vec<(usize, f64)> = search.iter().map(|point| (point.step, point.iia)).collect();
    let curve = |points| QuantityCurves {
        title: "IIA on the training batch".to_owned(),
        share: true,
        lines: vec![("IIA".to_owned(), points)],
    };
    Some(SweepCell {
        name: of.title(),
        row,
        interval: judged.as_ref().map(|judged| (judged.iia_interval[0], judged.iia_interval[1])),
        best: swept.best.cell == *of,
        curve: (!points.is_empty()).then(|| curve(points)),
    })
}

fn short(field: String) -> String {
    match field.parse::<f64>() {
        Ok(value) if field.contains('.') => format!("{value:.4}"),
        _ => field,
    }
}
