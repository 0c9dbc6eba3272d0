//! Where the cache lies: on the device, in the machine's memory, in a file, or nowhere.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use burn::tensor::Device;

use crate::device;
use crate::error::{Error, nearest};
use crate::measure::{free_disk_bytes, free_memory_bytes};
use crate::text::serde_as_text;

/// Where what the frozen model computes is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// On the device, which on a CPU is the memory.
    Memory,
    /// In the machine's memory, from where each batch goes to the device.
    Host,
    /// In a memory-mapped file, removed afterwards.
    Disk,
    /// Nowhere: it is computed anew for each batch, off the tape.
    Recompute,
}

const LEVELS: [(Level, &str); 4] =
    [(Level::Memory, "memory"), (Level::Host, "host"), (Level::Disk, "disk"), (Level::Recompute, "recompute")];

/// What the cache may take of a device whose driver does not say what it has.
const UNKNOWN: u64 = 1_000_000_000;

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(LEVELS[*self as usize].1)
    }
}

impl FromStr for Level {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let found = LEVELS.iter().find(|(_, name)| *name == text);
        found.map(|(level, _)| *level).ok_or_else(|| Error::Unknown {
            what: "level of the cache",
            name: text.to_owned(),
            hint: nearest(text, LEVELS.map(|(_, name)| name)),
        })
    }
}

serde_as_text!(Level);

/// How the level is chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storage {
    /// The level; without one, the first that has room: the device's memory within the budget, then (for a GPU) half of
    /// the machine's that is free, then the disk, then none.
    pub level: Option<Level>,
    /// The budget in bytes; half of the device's memory that is free by default.
    pub memory: Option<u64>,
    /// Where files go.
    pub folder: PathBuf,
}

impl Default for Storage {
    fn default() -> Self {
        Self { level: None, memory: None, folder: std::env::temp_dir() }
    }
}

impl Storage {
    /// The default budget and levels, with files in a folder.
    #[must_use]
    pub fn within(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), ..Self::default() }
    }

    /// The same, at a level.
    #[must_use]
    pub fn at(level: Level) -> Self {
        Self { level: Some(level), ..Self::default() }
    }

    /// Where so many bytes go, of a cache for a device. A tenth of the disk's free space stays free.
    /// An error if the level is the device's memory and has no room.
    pub fn choose(&self, bytes: u64, device: &Device) -> Result<Level, Error> {
        if let Some(level) = self.level {
            if level == Level::Memory {
                device::check_room(device, "the cache's rows", bytes, "cache.level = \"host\", or \"disk\"")?;
            }
            return Ok(level);
        }
        let budget = self.memory.unwrap_or_else(|| device::free(device).map_or(UNKNOWN, |free| free / 2));
        if bytes <= budget {
            return Ok(Level::Memory);
        }
        if !device::is_cpu(device) && bytes <= free_memory_bytes() / 2 {
            return Ok(Level::Host);
        }
        let free = free_disk_bytes(&self.folder);
        Ok(if bytes <= free - free / 10 { Level::Disk } else { Level::Recompute })
    }
}
