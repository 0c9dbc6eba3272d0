//! Which columns of a rotation carry which variable.

use std::ops::Range;

use crate::error::Error;

/// Disjoint ranges of a rotation's columns, one for each variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    parts: Vec<(String, Range<usize>)>,
}

/// The variables that one interchange takes from sources, each from its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Swap {
    /// The variables' names.
    pub variables: Vec<String>,
    /// Each variable's columns.
    pub columns: Vec<Range<usize>>,
}

impl Swap {
    /// `WX`, or `WX+YZ` when several variables are swapped at once.
    #[must_use]
    pub fn name(&self) -> String {
        self.variables.join("+")
    }
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
        Ok(Self { parts })
    }

    /// The variables and their columns.
    #[must_use]
    pub fn parts(&self) -> &[(String, Range<usize>)] {
        &self.parts
    }

    /// The interchanges that are trained and evaluated: each variable alone, and all of them at once.
    #[must_use]
    pub fn swaps(&self) -> Vec<Swap> {
        let swap = |parts: &[(String, Range<usize>)]| Swap {
            variables: parts.iter().map(|(name, _)| name.clone()).collect(),
            columns: parts.iter().map(|(_, columns)| columns.clone()).collect(),
        };
        let mut swaps: Vec<Swap> = self.parts.chunks(1).map(swap).collect();
        if self.parts.len() > 1 {
            swaps.push(swap(&self.parts));
        }
        swaps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(parts: &[(&str, Range<usize>)]) -> Result<Partition, Error> {
        Partition::new(parts.iter().map(|(name, columns)| ((*name).to_owned(), columns.clone())).collect(), 8)
    }

    #[test]
    fn parts_lie_within_the_rank_and_apart() {
        assert!(partition(&[]).is_err());
        assert!(partition(&[("A", 0..9)]).is_err());
        assert!(partition(&[("A", 3..3)]).is_err());
        assert!(partition(&[("A", 0..4), ("B", 3..8)]).is_err());
        let names: Vec<String> =
            partition(&[("A", 0..4), ("B", 4..8)]).unwrap().swaps().iter().map(Swap::name).collect();
        assert_eq!(names, ["A", "B", "A+B"]);
    }
}
