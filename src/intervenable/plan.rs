//! From representations and placements to the edits of a run, everything checked.

use burn::tensor::Device;

use super::edit::{Edit, From};
use super::input::Input;
use super::operation::Operation;
use super::units::Grid;
use super::{Intervenable, Order, Placement, Representation};
use crate::error::Error;
use crate::interventions::{Needs, Subspace, constant_source};
use crate::tap::{Component, Site};

/// A run that is going to be edited: how long its examples are, and where its tensors live.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) lengths: Vec<usize>,
    pub(super) device: Device,
}

impl Target {
    pub(super) fn of(input: &Input) -> Self {
        Self { lengths: input.lengths.clone(), device: input.hidden.device() }
    }
}

impl<'a> Intervenable<'a> {
    /// One edit for each representation that takes part, in order; the runs that they belong to are [`Self::target`]'s.
    pub(super) fn plan(
        &self,
        base: &Target,
        sources: &[Option<Input>],
        placements: &[Option<Placement>],
    ) -> Result<Vec<Edit<'a>>, Error> {
        let wanted = self.sources();
        if sources.len() != wanted {
            return Err(Error::Invalid(format!("the representations read {wanted} sources, {} given", given(sources))));
        }
        if placements.len() != self.representations.len() {
            return Err(Error::Invalid(format!(
                "{} placements for {} representations",
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
                    continue; // left out in this run
                }
                return Err(Error::Invalid(format!(
                    "{}: the intervention reads a source, but representation {number} names none and has no constant",
                    representation.site
                )));
            }
            let target = self.target(base, sources, representation.source);
            edits.push(self.edit(number, placement, source, &target)?);
        }
        Ok(edits)
    }

    /// The run that a source's representations edit.
    fn target(&self, base: &Target, sources: &[Option<Input>], source: Option<usize>) -> Target {
        let next = match (self.order, source) {
            (Order::Serial, Some(source)) => sources[source + 1..].iter().flatten().next(),
            _ => None,
        };
        next.map_or_else(|| base.clone(), Target::of)
    }

    fn edit(
        &self,
        number: usize,
        placement: &Placement,
        source: Option<&Input>,
        target: &Target,
    ) -> Result<Edit<'a>, Error> {
        let Representation { site, layout, .. } = self.representations[number];
        let operation = self.operations[self.representations[number].operation];
        let shape = self.shape(site.component)?;
        let grid = placement.base.find(site, shape, &target.lengths)?;
        let [batch, rows, width] = grid.seen(layout, shape.width);
        let at = |error: Error| Error::Invalid(format!("{site}: {error}"));
        operation.check(rows, width).map_err(at)?;
        let from = self.from(number, placement, source, &grid)?;
        let (mask, subspace) = match &placement.subspace {
            None => (None, None),
            Some(subspace) if operation.collects() => {
                check_collected(subspace).map_err(at)?;
                // Made for its checks: the columns have to be there.
                subspace.mask(width, batch, &target.device).map_err(at)?;
                (None, Some(subspace.clone()))
            }
            Some(subspace) => {
                let mask = subspace.mask(operation.space(width), batch, &target.device).map_err(at)?;
                (Some(mask), None)
            }
        };
        let whole = site.component.site().at(site.layer);
        Ok(Edit { number, operation, site: whole, grid, layout, from, mask, subspace, fired: false, collected: None })
    }

    fn from(&self, number: usize, placement: &Placement, source: Option<&Input>, base: &Grid) -> Result<From, Error> {
        let representation = &self.representations[number];
        let site = representation.site;
        let operation: &dyn Operation = self.operations[representation.operation];
        let shape = self.shape(site.component)?;
        let whole = |component: Component| -> Site { component.site().at(site.layer) };
        let read = match operation.needs() {
            Needs::Nothing => return Ok(From::Nothing),
            Needs::Source => whole(site.component),
            Needs::Input => {
                let input = representation.input.unwrap_or(module_input(site.component));
                let width = self.shape(input)?.width;
                if width != shape.width {
                    return Err(Error::Invalid(format!(
                        "{site}: {input}, {width} wide, cannot take the place of rows of width {}",
                        shape.width
                    )));
                }
                whole(input)
            }
        };
        if let Some(constant) = &representation.constant {
            let seen = base.seen(representation.layout, shape.width);
            let rows = constant_source(constant, seen).map_err(|error| Error::Invalid(format!("{site}: {error}")))?;
            return Ok(From::Rows(rows));
        }
        let Some(source) = source else { return Ok(From::Own { site: read, taken: None }) };
        let units = placement.source.as_ref().unwrap_or(&placement.base);
        let grid = units.find(site, shape, &source.lengths)?;
        if !grid.matches(base) {
            return Err(Error::Rows(format!(
                "{site}: {} of the source cannot go into {} of the base",
                grid.describe(),
                base.describe()
            )));
        }
        Ok(From::Source { site: read, grid, taken: None })
    }
}

/// How many sources there are, in words.
fn given(sources: &[Option<Input>]) -> String {
    match sources.len() {
        1 => "1 was".to_owned(),
        count => format!("{count} were"),
    }
}

/// Rows of unequal widths make no tensor.
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

/// The site that holds what enters the module whose output a site is. Where the site is itself what enters a module,
/// as `mlp_input` is, it is the site.
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
