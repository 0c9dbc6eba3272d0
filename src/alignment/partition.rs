//! Which columns of a rotation carry which variable.

use std::ops::Range;

use crate::data::Pair;
use crate::error::Error;

/// Disjoint ranges of a rotation's columns, one for each variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    parts: Vec<(String, Range<usize>)>,
    /// Whether there is one variable, which has all columns of every rotation.
    whole: bool,
}

impl Partition {
    /// Checks that every part lies within the rotation's rank, is not empty, and overlaps no other.
    pub fn new(parts: Vec<(String, Range<usize>)>, rank: usize) -> Result<Self, Error> {
        if parts.is_empty() {
            return Err(Error::Invalid("the partition is empty: give at least one variable its columns".to_owned()));
        }
        for (at, (name, columns)) in parts.iter().enumerate() {
            if columns.is_empty() || columns.end > rank {
                return Err(Error::Invalid(format!(
                    "the columns {}..{} of `{name}` are not within the rotation's {rank} columns",
                    columns.start, columns.end
                )));
            }
            let overlaps = |other: &Range<usize>| columns.start < other.end && other.start < columns.end;
            if let Some((other, _)) = parts[..at].iter().find(|(_, other)| overlaps(other)) {
                return Err(Error::Invalid(format!("the columns of `{name}` and of `{other}` overlap")));
            }
        }
        let whole = matches!(&parts[..], [(_, columns)] if *columns == (0..rank));
        Ok(Self { parts, whole })
    }

    /// One variable with all columns, of every rotation.
    #[must_use]
    pub fn single() -> Self {
        Self { parts: vec![("label".to_owned(), 0..0)], whole: true }
    }

    /// The variables and their columns.
    #[must_use]
    pub fn parts(&self) -> &[(String, Range<usize>)] {
        &self.parts
    }

    /// Whether the only variable has all columns, of a rotation of any rank.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.whole
    }

    /// The columns of a variable, by its number: its place among the parts.
    #[must_use]
    pub fn columns(&self, variable: usize) -> Range<usize> {
        self.parts[variable].1.clone()
    }

    /// The interchanges that are trained and evaluated, as numbers of variables: each alone, and all at once.
    #[must_use]
    pub fn swaps(&self) -> Vec<Vec<usize>> {
        let mut swaps: Vec<Vec<usize>> = (0..self.parts.len()).map(|variable| vec![variable]).collect();
        if self.parts.len() > 1 {
            swaps.push((0..self.parts.len()).collect());
        }
        swaps
    }

    /// Checks that every variable that the pairs swap has columns here.
    pub fn check(&self, pairs: &[Pair]) -> Result<(), Error> {
        for (at, pair) in pairs.iter().enumerate() {
            if let Some((variable, _)) = pair.sources.iter().find(|(variable, _)| *variable >= self.parts.len()) {
                return Err(Error::Invalid(format!(
                    "pair {at} swaps variable {variable}, counted from 0: the partition has columns for {}",
                    self.parts.len()
                )));
            }
        }
        Ok(())
    }
}
