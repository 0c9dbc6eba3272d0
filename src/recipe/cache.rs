//! `[cache]`: where what the frozen model computes is kept.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::alignment::{Level, Storage};
use crate::device;
use crate::error::Error;

/// `[cache]`
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct Cache {
    /// `memory` (the device's), `host` (the machine's, from where batches go to a GPU), `disk` or `recompute`; the first that has
    /// room by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// The most that it may take of the device's memory, such as `"2 GB"`; half of what is free by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<String>,
}

impl Cache {
    /// Is nothing said?
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// How the level is chosen, with files in a folder.
    pub fn storage(&self, folder: &Path) -> Result<Storage, Error> {
        Ok(Storage {
            level: self.level.as_deref().map(str::parse::<Level>).transpose()?,
            memory: self.memory.as_deref().map(device::parse_bytes).transpose()?,
            folder: folder.to_owned(),
        })
    }
}
