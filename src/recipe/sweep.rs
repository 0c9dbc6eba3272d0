//! `[sweep]`: which cells are searched, layer by layer.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::text_or_list::TextOrList;
use crate::data::Position;
use crate::error::Error;

/// `[sweep]`: every layer with every position, head, rank and seed. What has no axis here stays as the recipe has it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct SweepSection {
    /// `[0, 5]`, `"0..30"`, `"0..30:3"` or `"all"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layers: Option<AxisValues>,
    /// Positions, as `intervention.position` has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub positions: Option<Vec<Position>>,
    /// Heads of a `head_` component, one in each cell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heads: Option<AxisValues>,
    /// Ranks of the rotation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ranks: Option<AxisValues>,
    /// Seeds of the search: its first rotation, and the order of the pairs. The pairs are the same in every cell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seeds: Option<AxisValues>,
    /// Steps of a cell's search; `training.steps` by default. The best cell is trained again in full.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<usize>,
    /// Draws of a random rotation in each cell, to compare with.
    pub random_rotations: usize,
}

/// Whole numbers: a list, a range, or as many as there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AxisValues {
    /// `"all"`
    All,
    /// `"0..30"` or `"0..30:3"`: from the first up to the second, without it.
    Range {
        /// The first.
        from: usize,
        /// The end, which is not in it.
        to: usize,
        /// From one to the next.
        step: usize,
    },
    /// `[0, 5]`
    List(Vec<usize>),
}

impl AxisValues {
    /// The numbers, where there are `all` in all.
    #[must_use]
    pub fn values(&self, all: usize) -> Vec<usize> {
        match self {
            Self::All => (0..all).collect(),
            Self::Range { from, to, step } => (*from..*to).step_by(*step).collect(),
            Self::List(list) => list.clone(),
        }
    }
}

const MOST: usize = 100_000;

impl SweepSection {
    /// The axis that is wrong, and what is wrong with it.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        let axes = [("layers", &self.layers), ("heads", &self.heads), ("ranks", &self.ranks), ("seeds", &self.seeds)];
        for (name, axis) in axes {
            match axis {
                None => {}
                Some(AxisValues::All) if ["layers", "heads"].contains(&name) => {}
                Some(AxisValues::All) => return Err((name, format!("there is no end of {name}: name some"))),
                Some(AxisValues::Range { from, to, step }) if to.saturating_sub(*from) / step > MOST => {
                    let length = to.saturating_sub(*from).div_ceil(*step);
                    return Err((name, format!("{length} of them; an axis has at most {MOST}")));
                }
                Some(axis) => distinct(&axis.values(0)).map_err(|problem| (name, problem))?,
            }
        }
        self.positions.as_deref().map_or(Ok(()), distinct).map_err(|problem| ("positions", problem))
    }
}

/// At least one, and none of them twice.
fn distinct<T: Eq + std::hash::Hash + fmt::Display>(values: &[T]) -> Result<(), String> {
    if values.is_empty() {
        return Err("at least one is needed".to_owned());
    }
    let mut seen = HashSet::new();
    match values.iter().find(|value| !seen.insert(*value)) {
        Some(twice) => Err(format!("{twice} stands there twice")),
        None => Ok(()),
    }
}

impl FromStr for AxisValues {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || {
            Error::Invalid(format!(
                "`{text}` is no axis: write a list such as [0, 5], a range such as \"0..30\" (0 to 29) or \"0..30:3\", or \"all\""
            ))
        };
        if text == "all" {
            return Ok(Self::All);
        }
        let (range, step) = text.split_once(':').unwrap_or((text, "1"));
        let (from, to) = range.split_once("..").ok_or_else(wrong)?;
        let number = |text: &str| text.trim().parse::<usize>().map_err(|_| wrong());
        let (from, to, step) = (number(from)?, number(to)?, number(step)?);
        if step == 0 { Err(wrong()) } else { Ok(Self::Range { from, to, step }) }
    }
}

impl fmt::Display for AxisValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Range { from, to, step: 1 } => write!(f, "{from}..{to}"),
            Self::Range { from, to, step } => write!(f, "{from}..{to}:{step}"),
            Self::List(list) => write!(f, "{list:?}"),
        }
    }
}

impl Serialize for AxisValues {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::List(list) => list.serialize(serializer),
            written => serializer.collect_str(written),
        }
    }
}

impl<'de> Deserialize<'de> for AxisValues {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextOrList {
            expected: "a list such as [0, 5], a range such as \"0..30\" or \"0..30:3\", or \"all\"",
            text: |text| text.parse().map_err(|error: Error| error.to_string()),
            least: 0,
            list: Self::List,
        })
    }
}
