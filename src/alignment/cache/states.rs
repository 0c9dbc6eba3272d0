//! Fills the cache: runs the frozen model on the pairs of a search, or of every cell of a sweep, once.

use std::rc::Rc;

use burn::tensor::Device;

use super::located_pairs::{LocatedPairs, check};
use super::pairs::Cache;
use super::plan::Plan;
use super::shelf::Home;
use super::storage::{Level, Storage};
use super::stored::Stored;
use crate::device;
use crate::error::Error;
use crate::models::LanguageModel;

/// What the frozen model makes of the pairs of a search, or of a sweep's cells.
pub struct States<'a> {
    model: &'a dyn LanguageModel,
    device: Device,
    level: Level,
    stored: Option<Rc<Stored>>,
}

impl<'a> States<'a> {
    /// Runs the frozen model on the pairs of all cells, each different prompt once. A cell lists the places that are
    /// intervened on at once. `watch` sees how many prompts are done, of how many.
    pub fn fill(
        model: &'a dyn LanguageModel,
        cells: &[Vec<LocatedPairs>],
        storage: &Storage,
        device: &Device,
        watch: &mut dyn FnMut(usize, usize),
    ) -> Result<Self, Error> {
        check(model, cells)?;
        let pairs = &cells[0][0].pairs;
        let plan = Plan::new(cells, &(0..pairs.len()).collect::<Vec<_>>());
        let bytes = plan.bytes(model);
        let level = storage.choose(bytes, device)?;
        let home = match level {
            Level::Memory => Some(Home::Device),
            Level::Host => Some(Home::Host),
            Level::Disk => Some(Home::Folder(&storage.folder)),
            Level::Recompute => None,
        };
        let doing = format!("filling the cache, {} at the level `{level}`", device::format_bytes(bytes));
        let lower = "cache.level = \"host\" or \"disk\", fewer pairs, model.dtype = \"bf16\"";
        let run =
            |home| device::attempt(device, &doing, lower, || Stored::run(model, plan, pairs, home, device, watch));
        let stored = home.map(run).transpose()?.map(Rc::new);
        Ok(Self { model, device: device.clone(), level, stored })
    }

    /// The constants of one of the cells.
    #[must_use]
    pub fn cache(&self, cell: &[LocatedPairs]) -> Cache<'a> {
        Cache::new(self.model, self.stored.clone(), cell, &self.device)
    }

    /// Where they are kept.
    #[must_use]
    pub fn level(&self) -> Level {
        self.level
    }

    /// The bytes that they take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.stored.as_ref().map_or(0, |stored| stored.bytes())
    }
}

impl<'a> Cache<'a> {
    /// Runs the frozen model on the pairs of one search. `watch` sees how many prompts are done, of how many.
    pub fn fill(
        model: &'a dyn LanguageModel,
        places: &[LocatedPairs],
        storage: &Storage,
        device: &Device,
        watch: &mut dyn FnMut(usize, usize),
    ) -> Result<Self, Error> {
        Ok(States::fill(model, &[places.to_vec()], storage, device, watch)?.cache(places))
    }
}
