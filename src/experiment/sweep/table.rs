//! What came of the cells: a file for each place, and `sweep.csv`, made of them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::axis::{Axis, Cell};
use super::cells::CellGroup;
use crate::error::Error;
use crate::files;
use crate::report::quoted;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finished {
    #[serde(flatten)]
    pub cell: Cell,
    /// None where the search diverged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judged: Option<Judged>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub search: Vec<Point>,
    pub seconds: f64,
}

/// How good what a cell's search found is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    pub iia: f64,
    pub iia_interval: [f64; 2],
    pub loss: f64,
    /// Boundless DAS: the number of columns that a hard mask exchanges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hard_rank: Option<usize>,
    /// IIA of random rotations, where they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub random_rotation: Option<f64>,
    /// Steps of the search; 0 where the sources' rows are the base's own, so that no search can find anything.
    pub steps: usize,
}

/// What a search logged.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    pub step: usize,
    /// The mean loss of the steps since the last point.
    pub loss: f64,
    pub iia: f64,
}

/// The cells that are finished, by any process.
pub struct FinishedCells<'a> {
    folder: &'a Path,
    groups: &'a [CellGroup],
    found: BTreeMap<String, Vec<Finished>>,
}

const MEASURES: [&str; 7] = ["iia", "iia_low", "iia_high", "loss", "hard_rank", "random_rotation", "steps"];

pub fn columns() -> impl Iterator<Item = &'static str> {
    Axis::ALL.into_iter().map(Axis::name).chain(MEASURES)
}

impl<'a> FinishedCells<'a> {
    /// What is there already.
    pub fn new(folder: &'a Path, groups: &'a [CellGroup]) -> Result<Self, Error> {
        let mut finds = Self { folder, groups, found: BTreeMap::new() };
        finds.look()?;
        Ok(finds)
    }

    fn path(&self, group: &CellGroup) -> PathBuf {
        self.folder.join("cells").join(format!("{}.json", group.name))
    }

    /// Whether a group is finished; looks at the disk where that is not known.
    pub fn has(&self, group: &CellGroup) -> bool {
        self.found.contains_key(&group.name) || self.path(group).is_file()
    }

    /// Reads what others have finished since.
    pub fn look(&mut self) -> Result<(), Error> {
        for group in self.groups {
            let path = self.path(group);
            if self.found.contains_key(&group.name) || !path.is_file() {
                continue;
            }
            let found: Vec<Finished> = files::read_json(&path)?;
            if !found.iter().map(|finished| &finished.cell).eq(&group.cells) {
                return Err(Error::content(&path, "these are not the cells of the folder's recipe.toml"));
            }
            self.found.insert(group.name.clone(), found);
        }
        Ok(())
    }

    pub fn put(&self, group: &CellGroup, found: &[Finished]) -> Result<(), Error> {
        files::write_json(&self.path(group), found)
    }

    /// The number of cells that are finished, as far as is known.
    pub fn cells(&self) -> usize {
        self.found.values().map(Vec::len).sum()
    }

    /// Whether every group is finished, as far as is known.
    pub fn whole(&self) -> bool {
        self.found.len() == self.groups.len()
    }

    /// What is known, in the order of the cells.
    pub fn rows(&self) -> impl Iterator<Item = &Finished> {
        self.groups.iter().filter_map(|group| self.found.get(&group.name)).flatten()
    }

    /// Writes `sweep.csv`. When others have finished more meanwhile, again: the last to write has seen everything,
    /// however many write at once.
    pub fn write(&mut self) -> Result<(), Error> {
        loop {
            self.look()?;
            let known = self.cells();
            files::write(&self.folder.join("sweep.csv"), self.csv().as_bytes())?;
            self.look()?;
            if self.cells() == known {
                return Ok(());
            }
        }
    }

    /// One line for each cell; of one whose search diverged, its place alone. It holds no times: a sweep writes the same
    /// bytes however often it was killed, and however many processes shared it.
    fn csv(&self) -> String {
        let mut text = columns().collect::<Vec<_>>().join(",") + "\n";
        for finished in self.rows() {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{}", finished.fields().map(|field| quoted(&field)).collect::<Vec<_>>().join(","));
        }
        text
    }

    /// The cell with the highest IIA; of several, the one with the lowest loss. None where all searches diverged.
    pub fn best(&self) -> Option<&Finished> {
        // Of equals the first is to win, and `max_by` takes the last.
        let rows: Vec<(&Finished, &Judged)> = self.rows().filter_map(|row| Some((row, row.judged.as_ref()?))).collect();
        let best =
            rows.into_iter().rev().max_by(|(_, a), (_, b)| a.iia.total_cmp(&b.iia).then(b.loss.total_cmp(&a.loss)));
        best.map(|(row, _)| row)
    }
}

impl Finished {
    /// The fields of its line of the table, in the order of [`columns`]; empty where there is no value.
    pub fn fields(&self) -> impl Iterator<Item = String> + '_ {
        let whole = |value: Option<usize>| value.map(|value| value.to_string()).unwrap_or_default();
        let of = |value: fn(&Judged) -> Option<f64>| {
            self.judged.as_ref().and_then(value).map(|value| value.to_string()).unwrap_or_default()
        };
        let measures: [String; MEASURES.len()] = [
            of(|judged| Some(judged.iia)),
            of(|judged| Some(judged.iia_interval[0])),
            of(|judged| Some(judged.iia_interval[1])),
            of(|judged| Some(judged.loss)),
            whole(self.judged.as_ref().and_then(|judged| judged.hard_rank)),
            of(|judged| judged.random_rotation),
            whole(self.judged.as_ref().map(|judged| judged.steps)),
        ];
        Axis::ALL.into_iter().map(|axis| axis.text(&self.cell).unwrap_or_default()).chain(measures)
    }
}
