//! The units of a site that are read or edited, and their layout as rows.

use burn::tensor::Tensor;
use serde::Deserialize;

use crate::error::Error;
use crate::models::SiteShape;
use crate::tap::{Rows, Site};

/// Indices of positions or heads: one list for all examples of a batch, or one list for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Indices {
    /// The same list for all examples.
    Same(Vec<usize>),
    /// One list for each example, all of the same length.
    PerExample(Vec<Vec<usize>>),
}

impl From<usize> for Indices {
    fn from(one: usize) -> Self {
        Self::Same(vec![one])
    }
}

impl From<Vec<usize>> for Indices {
    fn from(same: Vec<usize>) -> Self {
        Self::Same(same)
    }
}

impl<const N: usize> From<[usize; N]> for Indices {
    fn from(same: [usize; N]) -> Self {
        Self::Same(same.to_vec())
    }
}

impl From<Vec<Vec<usize>>> for Indices {
    fn from(lists: Vec<Vec<usize>>) -> Self {
        Self::PerExample(lists)
    }
}

impl Indices {
    /// One list per example, `[batch][count]`, all of the same length and none empty; otherwise an error about `what`.
    fn lists(&self, what: &str, batch: usize) -> Result<Vec<Vec<usize>>, Error> {
        let lists = match self {
            Self::Same(same) => vec![same.clone(); batch],
            Self::PerExample(lists) if lists.len() == batch => lists.clone(),
            Self::PerExample(lists) => {
                return Err(Error::Rows(format!("{what} for {} examples, the batch has {batch}", lists.len())));
            }
        };
        let count = lists.first().map_or(0, Vec::len);
        if count == 0 {
            return Err(Error::Rows(format!("no {what}: at least one for each example is needed")));
        }
        match lists.iter().position(|list| list.len() != count) {
            None => Ok(lists),
            Some(example) => Err(Error::Rows(format!(
                "example {example} has {} {what} and example 0 has {count}: every example needs the same number",
                lists[example].len()
            ))),
        }
    }
}

/// The units of a site that a representation reads or edits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Units {
    /// Every position; at a `head_` site every head at every position.
    All,
    /// Positions, counted from the left, starting at 0.
    Positions(Indices),
    /// Positions, counted from each example's last token, which is 0.
    FromRight(Indices),
    /// Heads, at every position.
    Heads(Indices),
    /// All given heads at all given positions.
    HeadPositions {
        /// The heads, counted from 0.
        heads: Indices,
        /// The positions, counted from the left, starting at 0.
        positions: Indices,
    },
}

impl Units {
    /// One or several positions.
    pub fn positions(positions: impl Into<Indices>) -> Self {
        Self::Positions(positions.into())
    }

    /// One or several heads, at every position.
    pub fn heads(heads: impl Into<Indices>) -> Self {
        Self::Heads(heads.into())
    }

    /// Heads at positions.
    pub fn head_positions(heads: impl Into<Indices>, positions: impl Into<Indices>) -> Self {
        Self::HeadPositions { heads: heads.into(), positions: positions.into() }
    }

    /// The same units in a run of one token.
    pub(super) fn for_one_token(&self) -> Self {
        match self {
            Self::All => Self::All,
            Self::Positions(_) | Self::FromRight(_) => Self::positions(0),
            Self::Heads(heads) | Self::HeadPositions { heads, .. } => Self::Heads(heads.clone()),
        }
    }

    /// The units in sequences of the given lengths, padded on the right; an error, with the site, if one does not exist.
    pub(super) fn resolve(&self, site: Site, shape: SiteShape, lengths: &[usize]) -> Result<Grid, Error> {
        let at = |error| Error::Rows(format!("{site}: {}", without_prefix(error)));
        self.grid(site, shape, lengths).map_err(at)
    }

    fn grid(&self, site: Site, shape: SiteShape, lengths: &[usize]) -> Result<Grid, Error> {
        let batch = lengths.len();
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let everywhere = || vec![(0..longest).collect::<Vec<_>>(); batch];
        let whole = |positions: Vec<Vec<usize>>| {
            if site.component.is_head() {
                let problem = "the site consists of heads: name the heads, or use the whole site, without `head_`";
                return Err(Error::Rows(problem.to_owned()));
            }
            check_positions(&positions, lengths)?;
            let count = positions[0].len();
            Ok(Grid { rows: Rows::positions(positions)?, heads: None, positions: count })
        };
        let heads_at = |heads: Vec<Vec<usize>>, positions: Vec<Vec<usize>>| {
            let Some(all) = shape.heads else {
                return Err(Error::Rows("the site has no heads".to_owned()));
            };
            let units: Vec<Vec<(usize, usize)>> = heads
                .iter()
                .zip(&positions)
                .map(|(heads, at)| heads.iter().flat_map(|head| at.iter().map(move |at| (*head, *at))).collect())
                .collect();
            Ok(Grid { rows: Rows::heads(&units, all)?, heads: Some(heads[0].len()), positions: positions[0].len() })
        };
        match self {
            Self::All if site.component.is_head() => {
                heads_at(vec![(0..shape.heads.unwrap_or(0)).collect(); batch], everywhere())
            }
            // Padding is masked out, so its value is irrelevant and it may be edited too.
            Self::All => Ok(Grid { rows: Rows::positions(everywhere())?, heads: None, positions: longest }),
            Self::Positions(positions) => whole(positions.lists("positions", batch)?),
            Self::FromRight(offsets) => {
                let mut positions = offsets.lists("positions", batch)?;
                for (example, (positions, length)) in positions.iter_mut().zip(lengths).enumerate() {
                    for position in positions {
                        *position = length.checked_sub(*position + 1).ok_or_else(|| {
                            Error::Rows(format!(
                                "position {position} from the right of example {example} is before its start: it has {length} positions"
                            ))
                        })?;
                    }
                }
                whole(positions)
            }
            Self::Heads(heads) => heads_at(heads.lists("heads", batch)?, everywhere()),
            Self::HeadPositions { heads, positions } => {
                let positions = positions.lists("positions", batch)?;
                check_positions(&positions, lengths)?;
                heads_at(heads.lists("heads", batch)?, positions)
            }
        }
    }
}

/// The text of an [`Error::Rows`] without its prefix.
fn without_prefix(error: Error) -> String {
    match error {
        Error::Rows(text) => text,
        other => other.to_string(),
    }
}

/// Returns an error for a position past the end of its own example.
fn check_positions(positions: &[Vec<usize>], lengths: &[usize]) -> Result<(), Error> {
    for (example, (positions, length)) in positions.iter().zip(lengths).enumerate() {
        if let Some(position) = positions.iter().find(|position| *position >= length) {
            return Err(Error::Rows(format!(
                "position {position} of example {example} is past the end: it has {length} positions, counted from 0"
            )));
        }
    }
    Ok(())
}

/// How several units of an example are passed to the operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// One row for each unit.
    #[default]
    Separate,
    /// All positions concatenated into one row; of heads, one row of concatenated heads for each position.
    Concatenated,
}

/// The rows of the resolved units: positions, or heads × positions.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    pub(super) rows: Rows,
    heads: Option<usize>,
    positions: usize,
}

impl Grid {
    /// The shape of the rows that the operation receives, for a site of the given width.
    pub(super) fn operation_shape(&self, layout: Layout, site_width: usize) -> [usize; 3] {
        let (batch, width) = (self.rows.batch(), self.rows.width(site_width));
        match (layout, self.heads) {
            (Layout::Separate, _) => [batch, self.rows.units(), width],
            (Layout::Concatenated, None) => [batch, 1, self.positions * width],
            (Layout::Concatenated, Some(heads)) => [batch, self.positions, heads * width],
        }
    }

    /// Whether both have the same number of heads and of positions.
    pub(super) fn matches(&self, other: &Self) -> bool {
        (self.heads, self.positions) == (other.heads, other.positions)
    }

    /// The numbers of heads and positions, for errors.
    pub(super) fn describe(&self) -> String {
        match self.heads {
            None => format!("{} positions", self.positions),
            Some(heads) => format!("{heads} heads at {} positions", self.positions),
        }
    }

    /// From `[batch, units, width]` to the rows that the operation receives ([`Self::operation_shape`]).
    pub(super) fn apply_layout(&self, layout: Layout, units: Tensor<3>) -> Tensor<3> {
        let [batch, count, width] = units.dims();
        match (layout, self.heads) {
            (Layout::Separate, _) => units,
            (Layout::Concatenated, None) => units.reshape([batch, 1, count * width]),
            (Layout::Concatenated, Some(heads)) => {
                let units = units.reshape([batch, heads, self.positions, width]).swap_dims(1, 2);
                units.reshape([batch, self.positions, heads * width])
            }
        }
    }

    /// The inverse of [`Self::apply_layout`].
    pub(super) fn undo_layout(&self, layout: Layout, rows: Tensor<3>) -> Tensor<3> {
        let [batch, count, width] = rows.dims();
        match (layout, self.heads) {
            (Layout::Separate, _) => rows,
            (Layout::Concatenated, None) => rows.reshape([batch, self.positions, count * width / self.positions]),
            (Layout::Concatenated, Some(heads)) => {
                let rows = rows.reshape([batch, self.positions, heads, width / heads]).swap_dims(1, 2);
                rows.reshape([batch, heads * self.positions, width / heads])
            }
        }
    }
}
