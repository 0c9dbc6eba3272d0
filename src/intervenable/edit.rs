//! The tap that performs the edits of one run.

use burn::tensor::{DType, Tensor};

use super::operation::Operation;
use super::units::{Grid, Layout};
use crate::error::Error;
use crate::interventions::Subspace;
use crate::tap::{Site, Tap};

/// Where the rows beside the base's come from.
pub(super) enum From {
    /// Nothing is read.
    Nothing,
    /// Rows that are known.
    Rows(Tensor<3>),
    /// Rows that a source's run will bring.
    Source { site: Site, grid: Grid, taken: Option<Tensor<3>> },
    /// Rows of the same run, seen at a site before.
    Own { site: Site, taken: Option<Tensor<3>> },
}

/// One representation in one run.
pub(super) struct Edit<'a> {
    /// Which representation.
    pub(super) number: usize,
    pub(super) operation: &'a dyn Operation,
    pub(super) site: Site,
    pub(super) grid: Grid,
    pub(super) layout: Layout,
    pub(super) from: From,
    pub(super) mask: Option<Tensor<3>>,
    pub(super) subspace: Option<Subspace>,
    pub(super) fired: bool,
    pub(super) collected: Option<Tensor<3>>,
}

impl Edit<'_> {
    fn apply(&mut self, activation: Tensor<3>) -> Result<Tensor<3>, Error> {
        self.fired = true;
        let dtype = activation.dtype();
        let units = self.grid.rows.gather(activation.clone()).cast(DType::F32);
        let base = self.grid.lay(self.layout, units);
        if self.operation.collects() {
            self.collected = Some(match &self.subspace {
                Some(subspace) => subspace.select(base)?,
                None => self.grid.unlay(self.layout, base),
            });
            return Ok(activation);
        }
        let source = match &self.from {
            From::Nothing => base.clone(),
            From::Rows(rows) => rows.clone(),
            From::Source { taken, .. } => taken.clone().ok_or_else(|| never(self.site))?,
            From::Own { site, .. } if *site == self.site => base.clone(),
            From::Own { site, taken } => taken.clone().ok_or_else(|| never(*site))?,
        };
        let shape = base.dims();
        let edited = self.operation.edit(base, source, self.mask.clone());
        if edited.dims() != shape {
            return Err(Error::Invalid(format!(
                "the intervention at {} made rows of shape {:?} of rows of shape {shape:?}",
                self.site,
                edited.dims()
            )));
        }
        Ok(self.grid.rows.scatter(activation, self.grid.unlay(self.layout, edited).cast(dtype)))
    }

    /// Reads what its own run brings by.
    fn look(&mut self, visited: Site, activation: &Tensor<3>) {
        if let From::Own { site, taken } = &mut self.from
            && *site == visited
            && visited != self.site
        {
            let units = self.grid.rows.gather(activation.clone()).cast(DType::F32);
            *taken = Some(self.grid.lay(self.layout, units));
        }
    }
}

/// What was waited for in vain.
fn never(site: Site) -> Error {
    Error::NeverVisited { site: site.to_string(), what: "intervention" }
}

/// All edits of a run; those at one site act in the order of their representations, each on what the last one left.
pub(super) struct Edits<'r, 'a> {
    edits: &'r mut [Edit<'a>],
    outcome: Result<(), Error>,
}

impl<'r, 'a> Edits<'r, 'a> {
    pub(super) fn new(edits: &'r mut [Edit<'a>]) -> Self {
        edits.iter_mut().for_each(|edit| edit.fired = false);
        Self { edits, outcome: Ok(()) }
    }

    /// An error when one of them could not act, or was never reached.
    pub(super) fn finish(self) -> Result<(), Error> {
        self.outcome?;
        match self.edits.iter().find(|edit| !edit.fired) {
            Some(edit) => Err(never(edit.site)),
            None => Ok(()),
        }
    }
}

impl Tap for Edits<'_, '_> {
    fn visit(&mut self, site: Site, mut activation: Tensor<3>) -> Tensor<3> {
        for edit in self.edits.iter_mut().filter(|edit| edit.site == site) {
            if self.outcome.is_err() {
                return activation;
            }
            match edit.apply(activation.clone()) {
                Ok(edited) => activation = edited,
                Err(error) => self.outcome = Err(error),
            }
        }
        self.edits.iter_mut().for_each(|edit| edit.look(site, &activation));
        activation
    }
}

/// Reads, in a source's run, the rows that edits wait for.
pub(super) struct Takes<'r, 'a>(pub(super) &'r mut [Edit<'a>]);

impl Tap for Takes<'_, '_> {
    fn visit(&mut self, visited: Site, activation: Tensor<3>) -> Tensor<3> {
        for edit in self.0.iter_mut() {
            if let From::Source { site, grid, taken } = &mut edit.from
                && *site == visited
            {
                let units = grid.rows.gather(activation.clone()).cast(DType::F32);
                *taken = Some(grid.lay(edit.layout, units));
            }
        }
        activation
    }
}
