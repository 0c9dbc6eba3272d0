//! The tap that performs the edits of one run.

use burn::tensor::{DType, Tensor};

use super::operation::Operation;
use super::units::{Grid, Layout};
use crate::error::Error;
use crate::interventions::Subspace;
use crate::tap::{Site, Tap};

/// Where an edit's source rows come from. `rows` is `None` until the site is visited.
pub(super) enum RowSource {
    /// The edit reads no source.
    Nothing,
    /// Rows that are known before the run: a constant.
    Rows(Tensor<3>),
    /// Rows of a source's run, read at `site`.
    Source { site: Site, grid: Grid, rows: Option<Tensor<3>> },
    /// Rows of the edited run itself, read at `site`, which comes before the edit's own site or is that site.
    Own { site: Site, rows: Option<Tensor<3>> },
}

/// One representation's edit in one run.
pub(super) struct SiteEdit<'a> {
    /// The number of the representation.
    pub(super) number: usize,
    pub(super) operation: &'a dyn Operation,
    pub(super) site: Site,
    pub(super) grid: Grid,
    pub(super) layout: Layout,
    pub(super) row_source: RowSource,
    pub(super) mask: Option<Tensor<3>>,
    pub(super) subspace: Option<Subspace>,
    /// Whether the run has visited the site.
    pub(super) applied: bool,
    pub(super) collected: Option<Tensor<3>>,
}

impl SiteEdit<'_> {
    fn apply(&mut self, activation: Tensor<3>) -> Result<Tensor<3>, Error> {
        self.applied = true;
        let dtype = activation.dtype();
        let units = self.grid.rows.gather(activation.clone()).cast(DType::F32);
        let base = self.grid.apply_layout(self.layout, units);
        if self.operation.collects() {
            self.collected = Some(match &self.subspace {
                Some(subspace) => subspace.select(base)?,
                None => self.grid.undo_layout(self.layout, base),
            });
            return Ok(activation);
        }
        let source = match &self.row_source {
            RowSource::Nothing => base.clone(),
            RowSource::Rows(rows) => rows.clone(),
            RowSource::Source { rows, .. } => rows.clone().ok_or_else(|| never_visited(self.site))?,
            RowSource::Own { site, .. } if *site == self.site => base.clone(),
            RowSource::Own { site, rows } => rows.clone().ok_or_else(|| never_visited(*site))?,
        };
        let shape = base.dims();
        let edited = self.operation.edit(base, source, self.mask.clone());
        if edited.dims() != shape {
            return Err(Error::Invalid(format!(
                "the intervention at {} returned rows of shape {:?}; the shape of its input, {shape:?}, is needed",
                self.site,
                edited.dims()
            )));
        }
        Ok(self.grid.rows.scatter(activation, self.grid.undo_layout(self.layout, edited).cast(dtype)))
    }

    /// Reads the rows of [`RowSource::Own`] when the edited run visits their site.
    fn read_own(&mut self, visited: Site, activation: &Tensor<3>) {
        if let RowSource::Own { site, rows } = &mut self.row_source
            && *site == visited
            && visited != self.site
        {
            let units = self.grid.rows.gather(activation.clone()).cast(DType::F32);
            *rows = Some(self.grid.apply_layout(self.layout, units));
        }
    }
}

/// The error of an edit whose site the model did not visit.
fn never_visited(site: Site) -> Error {
    Error::NeverVisited { site: site.to_string(), what: "intervention" }
}

/// The tap that performs all edits of a run. Edits at one site act in the order of their representations, each on the
/// output of the one before it.
pub(super) struct EditTap<'r, 'a> {
    edits: &'r mut [SiteEdit<'a>],
    outcome: Result<(), Error>,
}

impl<'r, 'a> EditTap<'r, 'a> {
    pub(super) fn new(edits: &'r mut [SiteEdit<'a>]) -> Self {
        edits.iter_mut().for_each(|edit| edit.applied = false);
        Self { edits, outcome: Ok(()) }
    }

    /// Returns the error of the first edit that failed, or of one whose site was never visited.
    pub(super) fn finish(self) -> Result<(), Error> {
        self.outcome?;
        match self.edits.iter().find(|edit| !edit.applied) {
            Some(edit) => Err(never_visited(edit.site)),
            None => Ok(()),
        }
    }
}

impl Tap for EditTap<'_, '_> {
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
        self.edits.iter_mut().for_each(|edit| edit.read_own(site, &activation));
        activation
    }
}

/// The tap of a source's run: it reads the rows that the edits need.
pub(super) struct SourceTap<'r, 'a>(pub(super) &'r mut [SiteEdit<'a>]);

impl Tap for SourceTap<'_, '_> {
    fn visit(&mut self, visited: Site, activation: Tensor<3>) -> Tensor<3> {
        for edit in self.0.iter_mut() {
            if let RowSource::Source { site, grid, rows } = &mut edit.row_source
                && *site == visited
            {
                let units = grid.rows.gather(activation.clone()).cast(DType::F32);
                *rows = Some(grid.apply_layout(edit.layout, units));
            }
        }
        activation
    }
}
