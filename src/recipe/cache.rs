//! `[cache]`: where what the frozen model computes is kept.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::alignment::{Level, Storage};
use crate::error::Error;

/// `[cache]`
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct Cache {
    /// `memory`, `disk` or `recompute`; the first that has room by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// The most that it may take of the memory, such as `"2 GB"`; half of what is free by default.
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
            memory: self.memory.as_deref().map(bytes).transpose()?,
            folder: folder.to_owned(),
        })
    }
}

const UNITS: [(&str, f64); 4] = [("kB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12)];

/// `"2 GB"` in bytes.
fn bytes(text: &str) -> Result<u64, Error> {
    let wrong = || Error::Invalid(format!("`{text}` is no size; \"2 GB\" or \"500 MB\", say"));
    let split = text.find(|c: char| c.is_alphabetic()).ok_or_else(wrong)?;
    let (number, unit) = (text[..split].trim(), &text[split..]);
    let (_, unit) = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).ok_or_else(wrong)?;
    let number: f64 = number.parse().map_err(|_| wrong())?;
    if number >= 0.0 && number.is_finite() { Ok((number * unit) as u64) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        let read = |text: &str| bytes(text).ok();
        assert_eq!(read("2 GB"), Some(2_000_000_000));
        assert_eq!(read("1.5mb"), Some(1_500_000));
        assert_eq!([read("2"), read("GB"), read("-1 GB"), read("1 XB"), read("inf GB")], [None; 5]);
    }
}
