//! `sweep`: searches every cell of a recipe's axes, shows the IIA of each, and trains the best again in full.
//!
//! The folder is all that the processes of a sweep share. Each takes a place (a layer, a position, a head: the cells
//! that share what the frozen model makes of the pairs), writes what came of it as one file, and goes on to the next;
//! a killed process loses the place that it was at. The last step, heatmaps and the best cell's run, is taken in the same
//! way, so one process does it and the others wait for it.

mod cells;
mod claim;
mod devices;
mod folder;
mod maps;
mod searcher;
mod table;

pub use devices::sweep_on;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::cells::Place;
pub use self::cells::{AXES, Axes, Cell};
use self::claim::Taken;
use self::folder::Folder;
pub use self::maps::{Map, maps};
use self::searcher::{Grounds, Searcher};
use self::table::Finds;
pub use self::table::{COLUMNS, Finished};
use super::prompts::Prompts;
use super::{Options, train};
use crate::error::Error;
use crate::recipe::Recipe;
use crate::report::{EventFile, Ink, Progress};
use crate::{device, files};

/// `sweep.json`, which is written last: a folder with it is a whole sweep.
#[derive(Serialize, Deserialize)]
struct Whole {
    axes: Axes,
    /// The cell whose run is in `best/`.
    best: Finished,
}

/// Runs the recipe's sweep, or goes on with it where the folder is there, and gives back the folder.
///
/// Several processes may do so at the same time with the same folder, on several machines also: each cell is searched
/// once, and all of them return when the sweep is whole. The folder then holds `sweep.csv` with a line for each cell, the
/// heatmaps, and in `best/` the run of the best cell, on the test pairs and with its controls.
pub fn sweep(recipe: &Recipe, options: &Options) -> Result<PathBuf, Error> {
    if recipe.sweep.is_none() {
        let problem = "the recipe has no [sweep]: name its axes there, for example layers = \"all\"";
        return Err(Error::Invalid(format!("{}: {problem}", recipe.name)));
    }
    let device = device::find(&recipe.device)?;
    let folder = Folder::find(recipe, options.out.as_deref())?;
    let whole = folder.path.join("sweep.json");
    if whole.is_file() {
        let axes = files::read_json::<Whole>(&whole)?.axes;
        show(recipe, &axes, &Finds::of(&folder.path, &axes.places())?, options.quiet);
        return Ok(folder.path);
    }
    if !(options.quiet || device::is_cpu(&device)) {
        eprintln!("device: {}", device::describe(&device));
    }
    let prompts = Prompts::open(recipe, &device, options.quiet)?;
    let axes = Axes::of(recipe, &prompts.model)?;
    let grounds = Grounds::of(recipe, &axes, &prompts)?;
    folder.make(recipe)?;
    let storage = recipe.cache.storage(&folder.path)?;
    let searcher = Searcher::new(recipe, &prompts, &grounds, &storage, &device, options.quiet)?;
    let places = axes.places();
    let mut finds = Finds::of(&folder.path, &places)?;
    search(&folder, &searcher, &places, &mut finds, options.quiet)?;
    drop(searcher);
    drop(prompts);
    show(recipe, &axes, &finds, options.quiet);
    folder.once("whole", &whole, || finish(recipe, &folder, &axes, &finds, options.quiet))?;
    Ok(folder.path)
}

/// A whole sweep, as its folder holds it.
pub struct Swept {
    pub axes: Axes,
    /// In the order of the table.
    pub finished: Vec<Finished>,
    pub best: Finished,
}

/// Is this the folder of a sweep, whole or not?
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
    let places = axes.places();
    let finds = Finds::of(folder, &places)?;
    if !finds.whole() {
        return Err(Error::content(folder, "files of finished cells are missing from cells/"));
    }
    let finished = finds.rows().cloned().collect();
    Ok(Swept { axes, finished, best })
}

/// Takes places, one after the other, until every one is finished, by this process or by another.
fn search(
    folder: &Folder,
    searcher: &Searcher<'_>,
    places: &[Place],
    finds: &mut Finds<'_>,
    quiet: bool,
) -> Result<(), Error> {
    let before = finds.cells();
    let all: usize = places.iter().map(|place| place.cells.len()).sum();
    let mut progress = Progress::new("sweeping", all - before, quiet);
    let (mut here, mut told) = (0, false);
    while !finds.whole() {
        let mut busy = None;
        let mut took = false;
        for place in places {
            if finds.has(place) {
                continue;
            }
            match folder.claims.take(&place.name)? {
                Taken::Theirs(holder) => busy = Some((place, holder)),
                Taken::Mine(claim) => {
                    if !finds.has(place) {
                        finds.put(place, &searcher.search(place)?)?;
                        here += place.cells.len();
                    }
                    claim.done();
                    took = true;
                    finds.write()?;
                    progress.advance(finds.cells() - before);
                }
            }
        }
        if took {
            continue;
        }
        if let (Some((place, holder)), false) = (busy, told || quiet) {
            let by = holder.map_or_else(String::new, |holder| format!(" (process {} on {})", holder.pid, holder.host));
            eprintln!("waiting for the last cells, which others search: {}{by}", place.cells[0].title());
            told = true;
        }
        std::thread::sleep(Duration::from_millis(500));
        finds.look()?;
        progress.advance(finds.cells() - before);
    }
    progress.finish();
    if !quiet {
        eprintln!("searched {here} of {all} cells; {} were there or came from others", all - here);
    }
    finds.write()
}

/// The heatmaps' pictures, and the best cell's run.
fn finish(recipe: &Recipe, folder: &Folder, axes: &Axes, finds: &Finds<'_>, quiet: bool) -> Result<(), Error> {
    let board = folder.path.join("tensorboard");
    if board.exists() {
        // Of a process that was killed in the middle of it, like `best` below.
        fs::remove_dir_all(&board).map_err(Error::file(&board, "cannot remove"))?;
    }
    fs::create_dir(&board).map_err(Error::file(&board, "cannot create the folder"))?;
    let mut events = EventFile::create(&board)?;
    for map in maps(&recipe.name, axes, &finds.rows().collect::<Vec<_>>()) {
        let png = map.heatmap.png()?;
        files::write(&folder.path.join(format!("{}.png", map.name)), &png)?;
        events.image(&map.name, &png, 0)?;
    }
    events.text("recipe", &files::read_text(&folder.path.join("recipe.toml"))?, 0)?;
    events.finish()?;
    let best = finds.best().ok_or_else(|| {
        let rate = recipe.training.learning_rate;
        Error::Diverged(format!("in every cell of the sweep: a smaller `training.learning_rate` than {rate} helps"))
    })?;
    let iia = best.judged.as_ref().map_or(0.0, |judged| judged.iia);
    let out = folder.path.join("best");
    if !out.join("metrics.json").is_file() {
        if out.exists() {
            // Of a process that was killed in the middle of it.
            fs::remove_dir_all(&out).map_err(Error::file(&out, "cannot remove"))?;
        }
        if !quiet {
            eprintln!("training the best cell in full: {}, IIA {:.3}", best.cell.title(), iia);
        }
        train(&best.cell.recipe(recipe), &Options { out: Some(out), quiet })?;
    }
    files::write_json(&folder.path.join("sweep.json"), &Whole { axes: axes.clone(), best: best.clone() })
}

fn show(recipe: &Recipe, axes: &Axes, finds: &Finds<'_>, quiet: bool) {
    if quiet {
        return;
    }
    for map in maps(&recipe.name, axes, &finds.rows().collect::<Vec<_>>()) {
        println!("{}", map.heatmap.text(Ink::for_stdout()));
    }
}
