//! `sweep`: searches every cell of a recipe's axes, shows the IIA of each, and trains the best again in full.
//!
//! The folder is all that the processes of a sweep share. Each takes a place (a layer, a position, a head: the cells
//! that share what the frozen model makes of the pairs), writes what came of it as one file, and goes on to the next;
//! a killed process loses the place that it was at. The last step, heatmaps and the best cell's run, is taken in the same
//! way, so one process does it and the others wait for it.

mod axis;
mod cells;
mod claim;
mod folder;
mod maps;
mod searcher;
mod table;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::axis::{Axes, Axis, Cell};
use self::cells::CellGroup;
use self::claim::Taken;
use self::folder::SweepFolder;
pub use self::maps::{SweepMap, maps};
use self::searcher::{CellPairs, Searcher};
use self::table::FinishedCells;
pub use self::table::{Finished, columns};
use super::language::LanguageNetwork;
use super::session::Session;
use super::train;
use crate::error::Error;
use crate::recipe::Recipe;
use crate::report::{EventFile, Observer};
use crate::{device, files};

/// `sweep.json`, which is written last: a folder with it is a whole sweep.
#[derive(Serialize, Deserialize)]
struct Whole {
    axes: Axes,
    /// The cell whose run is in `best/`.
    best: Finished,
}

/// Runs the recipe's sweep, or goes on with it where the folder is there, and returns the folder.
///
/// Several processes may do so at the same time with the same folder, on several machines also: each cell is searched
/// once, and all of them return when the sweep is whole. The folder then holds `sweep.csv` with a line for each cell, the
/// heatmaps, and in `best/` the run of the best cell, on the test pairs and with its controls.
pub fn sweep(recipe: &Recipe, out: Option<&Path>, observer: &mut dyn Observer) -> Result<PathBuf, Error> {
    let wrong = |problem: &str| Err(Error::Invalid(format!("{}: {problem}", recipe.name)));
    if recipe.sweep.is_none() {
        return wrong("the recipe has no [sweep]: name its axes there, for example layers = \"all\"");
    }
    let Some(source) = &recipe.model.source else {
        return wrong("a sweep searches a language model: set model.source");
    };
    let device = device::find_name(recipe.device, observer)?;
    let folder = SweepFolder::find(recipe, out)?;
    let whole = folder.path.join("sweep.json");
    if whole.is_file() {
        let axes = files::read_json::<Whole>(&whole)?.axes;
        show(recipe, &axes, &FinishedCells::new(&folder.path, &axes.groups())?, observer);
        return Ok(folder.path);
    }
    let mut session = Session::new(recipe, &device, observer, &folder.path);
    session.note_device();
    let network = LanguageNetwork::open(&mut session, source)?;
    let axes = Axes::new(recipe, &network.model);
    let pairs = CellPairs::new(recipe, &axes, &network)?;
    folder.make(recipe)?;
    let searcher = Searcher::new(&mut session, &network, &pairs, &recipe.cache.storage(&folder.path))?;
    let groups = axes.groups();
    let mut finished = FinishedCells::new(&folder.path, &groups)?;
    search(&mut session, &folder, &searcher, &groups, &mut finished)?;
    drop(searcher);
    drop(network);
    show(recipe, &axes, &finished, session.observer);
    folder.once("whole", &whole, || finish(&mut session, &folder, &axes, &finished))?;
    Ok(folder.path)
}

/// A whole sweep, as its folder holds it.
pub struct Swept {
    pub axes: Axes,
    pub finished: Vec<Finished>,
    pub best: Finished,
}

/// Whether this is the folder of a sweep, complete or not.
pub fn is_sweep(folder: &Path) -> bool {
    folder.join("cells").is_dir()
}

/// Reads a sweep's folder; one that is not whole is an error.
pub fn read(folder: &Path) -> Result<Swept, Error> {
    let path = folder.join("sweep.json");
    if !path.is_file() {
        let problem = "the sweep is not whole: give `sweep` the same recipe and --out with this folder, and it goes on";
        return Err(Error::content(folder, problem));
    }
    let Whole { axes, best } = files::read_json(&path)?;
    let groups = axes.groups();
    let cells = FinishedCells::new(folder, &groups)?;
    if !cells.whole() {
        return Err(Error::content(folder, "files of finished cells are missing from cells/"));
    }
    let finished = cells.rows().cloned().collect();
    Ok(Swept { axes, finished, best })
}

/// Takes groups of cells, one after the other, until every one is finished, by this process or by another.
fn search(
    session: &mut Session<'_>,
    folder: &SweepFolder,
    searcher: &Searcher<'_>,
    groups: &[CellGroup],
    finished: &mut FinishedCells<'_>,
) -> Result<(), Error> {
    let before = finished.cells();
    let all: usize = groups.iter().map(|group| group.cells.len()).sum();
    session.observer.begin("sweeping", all - before);
    let (mut here, mut waiting) = (0, false);
    while !finished.whole() {
        let mut busy = None;
        let mut took = false;
        for group in groups {
            if finished.has(group) {
                continue;
            }
            match folder.claims.take(&group.name)? {
                Taken::Theirs(holder) => busy = Some((group, holder)),
                Taken::Mine(claim) => {
                    if !finished.has(group) {
                        finished.put(group, &searcher.search(session, group)?)?;
                        here += group.cells.len();
                    }
                    claim.done();
                    took = true;
                    finished.write()?;
                    session.observer.advance(finished.cells() - before);
                }
            }
        }
        if took {
            continue;
        }
        if let (Some((group, holder)), false) = (busy, waiting) {
            let by = holder.map_or_else(String::new, |holder| format!(" (process {} on {})", holder.pid, holder.host));
            let cell = group.cells[0].title();
            session.observer.note(&format!("waiting for the last cells, which others search: {cell}{by}"));
            waiting = true;
        }
        std::thread::sleep(Duration::from_millis(500));
        finished.look()?;
        session.observer.advance(finished.cells() - before);
    }
    session.observer.end();
    session.observer.note(&format!("searched {here} of {all} cells; {} were there or came from others", all - here));
    finished.write()
}

/// The heatmaps' pictures, and the best cell's run.
fn finish(
    session: &mut Session<'_>,
    folder: &SweepFolder,
    axes: &Axes,
    finished: &FinishedCells<'_>,
) -> Result<(), Error> {
    let recipe = session.recipe;
    let board = folder.path.join("tensorboard");
    if board.exists() {
        // A process that was killed while it wrote left it, like `best` below.
        fs::remove_dir_all(&board).map_err(Error::file(&board, "cannot remove"))?;
    }
    fs::create_dir(&board).map_err(Error::file(&board, "cannot create the folder"))?;
    let mut events = EventFile::create(&board)?;
    for map in maps(&recipe.name, axes, &finished.rows().collect::<Vec<_>>()) {
        let png = map.heatmap.png()?;
        files::write(&folder.path.join(format!("{}.png", map.name)), &png)?;
        events.image(&map.name, &png, 0)?;
    }
    events.text("recipe", &files::read_text(&folder.path.join("recipe.toml"))?, 0)?;
    events.finish()?;
    let best = finished.best().ok_or_else(|| {
        let rate = recipe.training.learning_rate;
        Error::Diverged(format!("in every cell of the sweep: a smaller `training.learning_rate` than {rate} helps"))
    })?;
    let iia = best.judged.as_ref().map_or(0.0, |judged| judged.iia);
    let out = folder.path.join("best");
    if !out.join("metrics.json").is_file() {
        if out.exists() {
            // A process that was killed while it wrote left it.
            fs::remove_dir_all(&out).map_err(Error::file(&out, "cannot remove"))?;
        }
        session.observer.note(&format!("training the best cell in full: {}, IIA {iia:.3}", best.cell.title()));
        train(&best.cell.recipe(recipe), Some(&out), session.observer)?;
    }
    files::write_json(&folder.path.join("sweep.json"), &Whole { axes: axes.clone(), best: best.clone() })
}

fn show(recipe: &Recipe, axes: &Axes, finished: &FinishedCells<'_>, observer: &mut dyn Observer) {
    let maps = maps(&recipe.name, axes, &finished.rows().collect::<Vec<_>>());
    observer.swept(&maps.into_iter().map(|map| map.heatmap).collect::<Vec<_>>());
}
