//! Checks representations and placements, and turns them into the edits of a run.

use burn::tensor::Device;

use super::edit::{RowSource, SiteEdit};
use super::input::RunInput;
use super::operation::Operation;
use super::units::Grid;
use super::{Intervenable, Order, Placement, Representation};
use crate::error::Error;
use crate::interventions::{Needs, Subspace, constant_source};
use crate::tap::{Component, Site};

/// A run that is edited: the lengths of its examples, and the device of its tensors.
#[derive(Clone)]
pub(super) struct EditedRun {
    pub(super) lengths: Vec<usize>,
    pub(super) device: Device,
}

impl EditedRun {
    pub(super) fn new(input: &RunInput) -> Self {
        Self { lengths: input.lengths.clone(), device: input.hidden.device() }
    }
}

impl<'a> Intervenable<'a> {
    /// One edit for each representation that takes part, in order. [`Self::edited_run`] gives the run that it edits.
    pub(super) fn plan(
        &self,
        base: &EditedRun,
        sources: &[Option<RunInput>],
        placements: &[Option<Placement>],
    ) -> Result<Vec<SiteEdit<'a>>, Error> {
        let needed = self.sources();
        if sources.len() != needed {
            let problem = format!("the representations read {needed} sources, the run has {}", sources.len());
            return Err(Error::Invalid(problem));
        }
        if placements.len() != self.representations.len() {
            return Err(Error::Invalid(format!(
                "{} placements for {} representations: one for each, or None, is needed",
                placements.len(),
                self.representations.len()
            )));
        }
        let batch = base.lengths.len();
        if let Some((number, other)) = (0..).zip(sources).find_map(|(number, source)| match source {
            Some(source) if source.lengths.len() != batch => Some((number, source.lengths.len())),
            _ => None,
        }) {
            return Err(Error::Invalid(format!("source {number} has {other} examples, the base has {batch}")));
        }
        let mut edits = Vec::new();
        for (number, (representation, placement)) in self.representations.iter().zip(placements).enumerate() {
            let Some(placement) = placement else { continue };
            let source = representation.source.and_then(|source| sources[source].as_ref());
            let operation = self.operations[representation.operation];
            let reads_source = operation.needs() == Needs::Source && representation.constant.is_none();
            if reads_source && source.is_none() {
                if representation.source.is_some() {
                    continue; // takes no part in this run
                }
                return Err(Error::Invalid(format!(
                    "{}: the intervention reads a source, but representation {number} names none and has no constant",
                    representation.site
                )));
            }
            let run = self.edited_run(base, sources, representation.source);
            edits.push(self.edit(number, placement, source, &run)?);
        }
        Ok(edits)
    }

    /// The run that the representations of a source edit.
    fn edited_run(&self, base: &EditedRun, sources: &[Option<RunInput>], source: Option<usize>) -> EditedRun {
        let next = match (self.order, source) {
            (Order::Serial, Some(source)) => sources[source + 1..].iter().flatten().next(),
            _ => None,
        };
        next.map_or_else(|| base.clone(), EditedRun::new)
    }

    fn edit(
        &self,
        number: usize,
        placement: &Placement,
        source: Option<&RunInput>,
        run: &EditedRun,
    ) -> Result<SiteEdit<'a>, Error> {
        let Representation { site, layout, .. } = self.representations[number];
        let operation = self.operations[self.representations[number].operation];
        let shape = self.shape(site.component)?;
        let grid = placement.base.resolve(site, shape, &run.lengths)?;
        let [batch, rows, width] = grid.operation_shape(layout, shape.width);
        let at = |error: Error| Error::Invalid(format!("{site}: {error}"));
        operation.check(rows, width).map_err(at)?;
        let row_source = self.row_source(number, placement, source, &grid)?;
        let (mask, subspace) = match &placement.subspace {
            None => (None, None),
            Some(subspace) if operation.collects() => {
                check_collected(subspace).map_err(at)?;
                // The mask is made for its checks: every column has to exist.
                subspace.mask(width, batch, &run.device).map_err(at)?;
                (None, Some(subspace.clone()))
            }
            Some(subspace) => {
                let mask = subspace.mask(operation.space(width), batch, &run.device).map_err(at)?;
                (Some(mask), None)
            }
        };
        let site = site.component.site().at(site.layer);
        let (applied, collected) = (false, None);
        Ok(SiteEdit { number, operation, site, grid, layout, row_source, mask, subspace, applied, collected })
    }

    fn row_source(
        &self,
        number: usize,
        placement: &Placement,
        source: Option<&RunInput>,
        base: &Grid,
    ) -> Result<RowSource, Error> {
        let representation = &self.representations[number];
        let site = representation.site;
        let operation: &dyn Operation = self.operations[representation.operation];
        let shape = self.shape(site.component)?;
        let whole = |component: Component| -> Site { component.site().at(site.layer) };
        let read = match operation.needs() {
            Needs::Nothing => return Ok(RowSource::Nothing),
            Needs::Source => whole(site.component),
            Needs::Input => {
                let input = representation.input.unwrap_or(module_input(site.component));
                let width = self.shape(input)?.width;
                if width != shape.width {
                    return Err(Error::Invalid(format!(
                        "{site}: rows of {input}, of width {width}, cannot replace rows of width {}",
                        shape.width
                    )));
                }
                whole(input)
            }
        };
        if let Some(constant) = &representation.constant {
            let shape = base.operation_shape(representation.layout, shape.width);
            let rows = constant_source(constant, shape).map_err(|error| Error::Invalid(format!("{site}: {error}")))?;
            return Ok(RowSource::Rows(rows));
        }
        let Some(source) = source else { return Ok(RowSource::Own { site: read, rows: None }) };
        let units = placement.source.as_ref().unwrap_or(&placement.base);
        let grid = units.resolve(site, shape, &source.lengths)?;
        if !grid.matches(base) {
            return Err(Error::Rows(format!(
                "{site}: {} of the source cannot replace {} of the base",
                grid.describe(),
                base.describe()
            )));
        }
        Ok(RowSource::Source { site: read, grid, rows: None })
    }
}

/// Returns an error for subspaces of unequal sizes: their rows do not form one tensor.
fn check_collected(subspace: &Subspace) -> Result<(), Error> {
    match subspace {
        Subspace::PerExample(lists) if lists.windows(2).any(|pair| pair[0].len() != pair[1].len()) => {
            let sizes: Vec<String> = lists.iter().map(|columns| columns.len().to_string()).collect();
            Err(Error::Invalid(format!(
                "cannot collect subspaces of unequal sizes ({}) into one tensor",
                sizes.join(", ")
            )))
        }
        _ => Ok(()),
    }
}

/// The input of the module whose output is `component`. An input such as `mlp_input` is returned unchanged.
const fn module_input(component: Component) -> Component {
    match component {
        Component::BlockOutput => Component::BlockInput,
        Component::MlpActivation => Component::MlpActivationInput,
        Component::MlpOutput => Component::MlpInput,
        Component::AttentionOutput
        | Component::QueryOutput
        | Component::KeyOutput
        | Component::ValueOutput
        | Component::HeadQueryOutput
        | Component::HeadKeyOutput
        | Component::HeadValueOutput => Component::AttentionInput,
        Component::CellOutput | Component::X2hOutput => Component::CellInput,
        Component::ResetGateOutput => Component::ResetGateInput,
        Component::UpdateGateOutput => Component::UpdateGateInput,
        Component::NewGateOutput => Component::NewGateInput,
        input => input,
    }
}
