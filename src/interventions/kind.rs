//! The names of the interventions, written and read.

use std::fmt;
use std::str::FromStr;

use super::Kind;
use crate::error::{Error, nearest};
use crate::text::serde_as_text;

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Takes pyvene's class names too.
impl FromStr for Kind {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|kind| kind.name() == name || kind.pyvene() == name).ok_or_else(|| Error::Unknown {
            what: "intervention",
            name: name.to_owned(),
            hint: nearest(name, Self::ALL.map(Self::name)),
        })
    }
}

serde_as_text!(Kind);
