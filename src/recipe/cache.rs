//! `[cache]`: where what the frozen model computes is kept.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::alignment::{Level, Storage};
use crate::device;
use crate::error::Error;
use crate::text::serde_as_text;

/// `[cache]`
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct CacheSection {
    /// `memory` (the device's), `host` (the machine's, from where batches go to a GPU), `disk` or `recompute`; the first that has
    /// room by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// The most that it may take of the device's memory, such as `"2 GB"`; half of what is free by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<MemoryLimit>,
}

/// A number of bytes, written as a number and a unit, such as `2 GB`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryLimit {
    bytes: u64,
    text: String,
}

impl CacheSection {
    /// Whether every key has its default.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// How the level is chosen, with files in a folder.
    #[must_use]
    pub fn storage(&self, folder: &Path) -> Storage {
        let memory = self.memory.as_ref().map(MemoryLimit::bytes);
        Storage { level: self.level, memory, folder: folder.to_owned() }
    }
}

impl MemoryLimit {
    /// The number of bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl fmt::Display for MemoryLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl FromStr for MemoryLimit {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Ok(Self { bytes: device::parse_bytes(text)?, text: text.to_owned() })
    }
}

serde_as_text!(MemoryLimit);
