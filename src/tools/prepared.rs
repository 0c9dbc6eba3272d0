//! A specification with a model: loads the operations, checks the sites and resolves the positions.

use std::collections::BTreeMap;

use burn::tensor::{DType, Device, Tensor, TensorData};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::OpenedModel;
use super::spec::{Constant, InterventionSpec, Spec};
use crate::data::{InputLine, Positions, Tokenised};
use crate::error::Error;
use crate::intervenable::{Intervenable, Layout, Order, Placement, Representation, Units};
use crate::interventions::{
    AnyIntervention, BuiltIn, InitialWeights, Intervention, Needs, RandomStart, Subspace, SubspacePartition,
    constant_source,
};
use crate::models::SiteShape;
use crate::saved::ModelIdentity;
use crate::tap::Site;
use crate::tensors::Tensors;

pub(super) struct Prepared {
    pub spec: Spec,
    representations: Vec<Representation>,
    operations: Vec<AnyIntervention>,
    shapes: Vec<SiteShape>,
    heads: Vec<Option<Vec<usize>>>,
}

/// The positions and the subspace of one intervention in one example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LocatedUnits {
    pub base: Vec<usize>,
    pub source: Option<Vec<usize>>,
    pub subspace: Option<Vec<usize>>,
}

impl LocatedUnits {
    /// Whether both have the same numbers of positions, so that their examples can be run in one batch.
    pub fn fits(&self, other: &Self) -> bool {
        let shape = |one: &Self| (one.base.len(), one.source.as_ref().map(Vec::len), one.subspace.is_some());
        shape(self) == shape(other)
    }
}

/// A collecting intervention: its number, its site, and the width of its rows.
pub(super) struct Collected {
    pub number: usize,
    pub site: Site,
    pub width: usize,
}

impl Prepared {
    /// Loads the operations and checks all that does not depend on inputs.
    pub fn new(spec: Spec, opened: &OpenedModel) -> Result<Self, Error> {
        let mut this = Self { spec, representations: vec![], operations: vec![], shapes: vec![], heads: vec![] };
        let mut links: BTreeMap<String, usize> = BTreeMap::new();
        let mut random = ChaCha8Rng::seed_from_u64(this.spec.seed);
        let identity = ModelIdentity::new(&opened.model);
        for (number, one) in this.spec.interventions.iter().enumerate() {
            let at = |key: &'static str| {
                let spec = &this.spec;
                move |error: Error| spec.error_at(number, key, &error)
            };
            let site: Site = one.site.parse().map_err(at("site"))?;
            let shape = opened.check_site(site).map_err(at("site"))?;
            let heads = heads(one, site, shape).map_err(at("heads"))?;
            let width = shape.heads.filter(|_| heads.is_some()).map_or(shape.width, |heads| shape.width / heads);
            let made_for = this.spec.made_for.iter().find(|(known, ..)| *known == number);
            if let Some((_, path, config)) = made_for {
                config.check_model(path, &identity, width)?;
            }
            let operation = match one.link.as_ref().and_then(|link| links.get(link)) {
                Some(shared) => *shared,
                None => {
                    let made = operation(&this.spec, one, width, &mut random, &opened.device);
                    let made = made.map_err(at(if one.weights.is_some() { "weights" } else { "kind" }))?;
                    if let Some((_, path, config)) = made_for {
                        config.check_tensors(path, &made)?;
                    }
                    this.operations.push(made);
                    this.operations.len() - 1
                }
            };
            if let Some(link) = &one.link {
                links.insert(link.clone(), operation);
            }
            let constant = one.constant.as_ref().map(|row| constant(&this.spec, row, width, one, &opened.device));
            let constant = constant.transpose().map_err(at("constant"))?;
            if one.coefficient.is_some() && constant.is_none() {
                let problem = "multiplies a `constant`, but the intervention has none";
                return Err(at("coefficient")(Error::Invalid(problem.to_owned())));
            }
            let reads = one.kind.needs() == Needs::Source;
            if constant.is_some() && (!reads || one.source.is_some()) {
                let problem =
                    if reads { "`source` and `constant` exclude each other" } else { "this kind reads no constant" };
                return Err(at("constant")(Error::Invalid(problem.to_owned())));
            }
            let source = one.source.or((reads && constant.is_none()).then_some(0));
            if let Some(members) = &one.subspace {
                let known = subspace(one, members).map_err(at("subspace"))?;
                let space = this.operations[operation].space(width);
                Subspace::Same(known).mask(space, 1, &opened.device).map_err(at("subspace"))?;
            }
            let layout = one.units;
            if one.kind.info().collects && one.subspace.is_some() && layout == Layout::Concatenated {
                let problem = "a subspace of concatenated units cannot be collected: remove `subspace` or `units`";
                return Err(at("subspace")(Error::Invalid(problem.to_owned())));
            }
            this.representations.push(Representation { site, operation, source, constant, layout, input: None });
            this.shapes.push(shape);
            this.heads.push(heads);
        }
        this.intervenable(opened)?;
        Ok(this)
    }

    pub fn intervenable<'a>(&'a self, opened: &'a OpenedModel) -> Result<Intervenable<'a>, Error> {
        let operations = self.operations.iter().map(|operation| operation as _).collect();
        Intervenable::new(&opened.model, self.representations.clone(), operations, self.spec.order)
    }

    pub fn sources(&self) -> usize {
        self.representations.iter().filter_map(|one| one.source).max().map_or(0, |last| last + 1)
    }

    /// The location of each intervention in one example; an error, with the intervention, if one cannot be resolved.
    pub fn locations(
        &self,
        line: &InputLine,
        base: &Tokenised,
        sources: &[Tokenised],
    ) -> Result<Vec<LocatedUnits>, Error> {
        let needed = self.sources();
        if sources.len() != needed {
            return Err(Error::Invalid(format!(
                "the specification reads {needed} sources, the input has {}",
                sources.len()
            )));
        }
        let count = self.representations.len();
        if ![0, count].contains(&line.subspaces.len()) {
            return Err(Error::Invalid(format!("{} subspaces for {count} interventions", line.subspaces.len())));
        }
        let default = if self.spec.everywhere { Positions::all() } else { Positions::last() };
        let location = |(number, one): (usize, &InterventionSpec)| {
            let reads = self.representations[number].source;
            // In serial order an intervention edits the run that follows its source's.
            let target = match (self.spec.order, reads) {
                (Order::Serial, Some(source)) => sources.get(source + 1).unwrap_or(base),
                _ => base,
            };
            let positions = one.positions.as_ref().or(line.positions.as_ref()).unwrap_or(&default);
            let from = one.source_positions.as_ref().or(line.source_positions.as_ref()).unwrap_or(positions);
            let read = reads.filter(|_| one.kind.needs() == Needs::Source).map(|source| &sources[source]);
            let source = read.map(|source| from.resolve(source)).transpose();
            let own = line.subspaces.get(number).cloned().flatten();
            if own.is_some() && one.kind.info().collects {
                let problem = "collected rows have one width: set their subspace in the specification, not the inputs";
                return Err(Error::Invalid(problem.to_owned()));
            }
            let subspace = own.as_ref().or(one.subspace.as_ref()).map(|members| subspace(one, members)).transpose();
            Ok(LocatedUnits { base: positions.resolve(target)?, source: source?, subspace: subspace? })
        };
        let located = |(number, one): (usize, &InterventionSpec)| {
            let with_number = |error: Error| Error::Invalid(format!("intervention {number} at {}: {error}", one.site));
            location((number, one)).map_err(with_number)
        };
        self.spec.interventions.iter().enumerate().map(located).collect()
    }

    /// The placements of a batch of examples whose locations fit together.
    pub fn placements(&self, examples: &[&[LocatedUnits]]) -> Vec<Option<Placement>> {
        let units = |number: usize, positions: Vec<Vec<usize>>| match &self.heads[number] {
            Some(heads) => Units::head_positions(heads.clone(), positions),
            None => Units::positions(positions),
        };
        let placement = |number: usize| {
            let each = |get: &dyn Fn(&LocatedUnits) -> Option<Vec<usize>>| -> Option<Vec<Vec<usize>>> {
                examples.iter().map(|locations| get(&locations[number])).collect()
            };
            let base = each(&|location| Some(location.base.clone())).unwrap_or_default();
            Some(Placement {
                base: units(number, base),
                source: each(&|location| location.source.clone()).map(|source| units(number, source)),
                subspace: each(&|units| units.subspace.clone()).map(|lists| match &self.spec.interventions[number] {
                    one if one.kind.info().collects => Subspace::Same(lists[0].clone()),
                    _ => Subspace::PerExample(lists),
                }),
            })
        };
        (0..self.representations.len()).map(placement).collect()
    }

    pub fn collected(&self) -> Vec<Collected> {
        let collects = |(number, one): (usize, &InterventionSpec)| {
            let heads = self.heads[number].as_ref();
            let unit = self.shapes[number].heads.filter(|_| heads.is_some());
            let width = unit.map_or(self.shapes[number].width, |heads| self.shapes[number].width / heads);
            let width = one.subspace.as_ref().and_then(|part| subspace(one, part).ok()).map_or(width, |s| s.len());
            (one.kind.info().collects).then(|| Collected { number, site: self.representations[number].site, width })
        };
        self.spec.interventions.iter().enumerate().filter_map(collects).collect()
    }

    /// The number of rows that the `number`-th intervention collects at a location.
    pub fn rows(&self, number: usize, location: &LocatedUnits) -> usize {
        location.base.len() * self.heads[number].as_ref().map_or(1, Vec::len)
    }
}

/// The columns of a subspace: its members are columns, or with a partition the numbers of its parts.
fn subspace(one: &InterventionSpec, members: &[usize]) -> Result<Vec<usize>, Error> {
    match &one.partition {
        None => Ok(members.to_vec()),
        Some(parts) => match SubspacePartition::pyvene(parts).same(members)? {
            Subspace::Same(columns) => Ok(columns),
            Subspace::PerExample(lists) => Ok(lists.concat()),
        },
    }
}

fn heads(one: &InterventionSpec, site: Site, shape: SiteShape) -> Result<Option<Vec<usize>>, Error> {
    let known = shape.heads.filter(|_| site.component.is_head());
    match (known, &one.heads) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(Error::Invalid(format!("{site} is a whole site: `heads` needs a head_ component"))),
        (Some(known), None) => Ok(Some((0..known).collect())),
        (Some(known), Some(heads)) => match heads.iter().find(|head| **head >= known) {
            Some(head) => {
                Err(Error::Rows(format!("head {head} does not exist: the site has {known} heads, counted from 0")))
            }
            None if heads.is_empty() => Err(Error::Rows("no heads: at least one is needed".to_owned())),
            None => Ok(Some(heads.clone())),
        },
    }
}

fn operation(
    spec: &Spec,
    one: &InterventionSpec,
    width: usize,
    random: &mut ChaCha8Rng,
    device: &Device,
) -> Result<AnyIntervention, Error> {
    let kind = one.kind;
    if let Some(path) = &one.weights {
        return spec.intervention(kind, path, device);
    }
    let needed = |alternative: &str| {
        Err(Error::Invalid(format!("{kind} needs its tensors: weights = \"FILE.safetensors\"{alternative}")))
    };
    match (kind.info().weights, one.rank) {
        (InitialWeights::DrawnOfRank, None) => needed(", or a rank to draw a random one"),
        (InitialWeights::DrawnOfRank, rank) => AnyIntervention::fresh(kind, width, rank, None, random, device),
        (InitialWeights::None | InitialWeights::Drawn, _) => {
            let (rank, level) = (width, one.level);
            AnyIntervention::draw(&mut RandomStart { kind, width, rank, map: None, level, rng: random, device })
        }
        (InitialWeights::Required, _) => needed(""),
    }
}

fn constant(
    spec: &Spec,
    values: &Constant,
    width: usize,
    one: &InterventionSpec,
    device: &Device,
) -> Result<Tensor<1>, Error> {
    let row: Tensor<1> = match values {
        Constant::Values(values) => {
            Tensor::from_data(TensorData::new(values.clone(), [values.len()]), (device, DType::F32))
        }
        Constant::File { file, tensor } => {
            let path = spec.path(file);
            Tensors::read(&path)?.get(tensor, [0], device).map_err(|error| Error::content(&path, error.to_string()))?
        }
    };
    // The width of concatenated units is known only at run time.
    let width = if one.units == Layout::Concatenated { row.dims()[0] } else { width };
    constant_source(&row, [1, 1, width])?;
    Ok(row * one.coefficient.unwrap_or(1.0))
}
