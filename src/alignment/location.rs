//! Where one intervention acts.

use std::fmt;

use crate::data::Position;
use crate::error::Error;
use crate::models::FrozenModel;
use crate::tap::{Rows, Site};

/// A site, which of its heads for a `head_` site, and the position rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The site.
    pub site: Site,
    /// The heads, counted from 0; empty for whole rows.
    pub heads: Vec<usize>,
    /// Which tokens of a prompt; `None` where the model reads no tokens, or where pairs say which.
    pub position: Option<Position>,
}

impl From<Site> for Location {
    fn from(site: Site) -> Self {
        Self { site, heads: Vec::new(), position: None }
    }
}

/// The site, and its heads where they are named.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.heads[..] {
            [] => self.site.fmt(f),
            heads => write!(f, "heads {heads:?} of {}", self.site),
        }
    }
}

impl Location {
    /// Whether the other one is the same site and heads, whatever the position.
    #[must_use]
    pub fn is_at(&self, other: &Self) -> bool {
        self.site == other.site && self.heads == other.heads
    }

    /// Checks that the model has the site and its heads.
    pub fn check(&self, model: &dyn FrozenModel) -> Result<(), Error> {
        let Site { layer, component } = self.site;
        if layer >= model.n_layers() {
            let layers = model.n_layers();
            return Err(Error::Invalid(format!(
                "layer {layer} does not exist: the model has {layers}, counted from 0"
            )));
        }
        let shape = model.site_shape(component.site());
        let shape = shape.ok_or_else(|| Error::Invalid(format!("the model has no {component}")))?;
        if component.is_head() == self.heads.is_empty() {
            let problem = if component.is_head() { "needs its heads named" } else { "has no heads to name" };
            return Err(Error::Invalid(format!("{component} {problem}")));
        }
        let heads = shape.heads.unwrap_or(1);
        match self.heads.iter().find(|head| **head >= heads) {
            Some(head) => Err(Error::Invalid(format!("head {head} does not exist: {component} has {heads}, from 0"))),
            None => Ok(()),
        }
    }

    pub(super) fn whole(&self) -> Site {
        self.site.component.site().at(self.site.layer)
    }

    /// The number of heads that the site's row is made of.
    pub(super) fn heads_of(&self, model: &dyn FrozenModel) -> usize {
        model.site_shape(self.site.component.site()).and_then(|shape| shape.heads).unwrap_or(1)
    }

    /// The width of one unit.
    #[must_use]
    pub fn width(&self, model: &dyn FrozenModel) -> usize {
        let whole = model.site_shape(self.site.component.site()).map_or(0, |shape| shape.width);
        if self.heads.is_empty() { whole } else { whole / self.heads_of(model) }
    }

    /// The units at each example's positions: whole rows, or the heads at each of them.
    pub(super) fn rows(&self, positions: Vec<Vec<usize>>, heads: usize) -> Result<Rows, Error> {
        if self.heads.is_empty() {
            return Rows::positions(positions);
        }
        let units = |positions: &Vec<usize>| {
            self.heads.iter().flat_map(|head| positions.iter().map(move |position| (*head, *position))).collect()
        };
        Rows::heads(&positions.iter().map(units).collect::<Vec<_>>(), heads)
    }

    /// The same units by number, where each row is made of `heads` of them: the rows themselves, or the heads in each.
    pub(super) fn units(&self, rows: &[usize], heads: usize) -> Vec<usize> {
        if self.heads.is_empty() {
            return rows.to_vec();
        }
        self.heads.iter().flat_map(|head| rows.iter().map(move |row| row * heads + head)).collect()
    }
}
