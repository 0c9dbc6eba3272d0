//! Where the cache lies: on the device, in a file, or nowhere.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::error::{Error, nearest};
use crate::measure::{free_disk_bytes, free_memory_bytes};

/// Where what the frozen model computes is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// On the device, which on a CPU is the memory.
    Memory,
    /// In a memory-mapped file, removed afterwards.
    Disk,
    /// Nowhere: it is computed anew for each batch, off the tape.
    Recompute,
}

const LEVELS: [(Level, &str); 3] = [(Level::Memory, "memory"), (Level::Disk, "disk"), (Level::Recompute, "recompute")];

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

/// How the level is chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storage {
    /// The level; without one, the first that has room: memory within the budget, then the disk, then none.
    pub level: Option<Level>,
    /// The budget in bytes; half of the memory that is free by default.
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

    /// Where so many bytes go. A tenth of the disk's free space is left to others.
    #[must_use]
    pub fn choose(&self, bytes: u64) -> Level {
        if let Some(level) = self.level {
            return level;
        }
        if bytes <= self.memory.unwrap_or_else(|| free_memory_bytes() / 2) {
            return Level::Memory;
        }
        let free = free_disk_bytes(&self.folder);
        if bytes <= free - free / 10 { Level::Disk } else { Level::Recompute }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_level_with_room_is_taken_unless_one_is_asked_for() {
        let mut storage = Storage { memory: Some(1000), ..Storage::default() };
        assert_eq!(storage.choose(1000), Level::Memory);
        assert_eq!(storage.choose(1001), Level::Disk);
        assert_eq!(storage.choose(u64::MAX / 2), Level::Recompute);
        storage.level = Some("disk".parse().unwrap());
        assert_eq!(storage.choose(1), Level::Disk);
        assert!("disc".parse::<Level>().unwrap_err().to_string().contains("did you mean `disk`"));
    }
}
