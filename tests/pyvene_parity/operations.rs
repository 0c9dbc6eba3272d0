//! The interventions of a case, with their weights and links.

use std::cell::RefCell;
use std::collections::BTreeMap;

use burn::tensor::Tensor;
use intervene::Error;
use intervene::intervenable::{Layout, Operation, Units};
use intervene::interventions::{AnyIntervention, Kind, NamedTensors, Needs};

use super::case::{Case, Family, Representation};
use crate::common::device::device;

/// One for each representation; linked ones share theirs.
pub struct Operations {
    own: Vec<AnyIntervention>,
    /// By representation.
    numbers: Vec<usize>,
    linked: Vec<bool>,
}

/// pyvene's linked interventions do not read the base again: each goes on with the rows that the one before it made,
/// even at another site or position ("hot activations"). That is pyvene's alone; here links share weights.
struct Hot<'a> {
    intervention: &'a AnyIntervention,
    rows: RefCell<Option<Tensor<3>>>,
}

impl Operation for Hot<'_> {
    fn edit(&self, base: Tensor<3>, source: Tensor<3>, mask: Option<Tensor<3>>) -> Tensor<3> {
        let base = self.rows.take().unwrap_or(base);
        let edited = Operation::edit(self.intervention, base, source, mask);
        self.rows.replace(Some(edited.clone()));
        edited
    }

    fn needs(&self) -> Needs {
        self.intervention.needs()
    }

    fn space(&self, width: usize) -> usize {
        Operation::space(self.intervention, width)
    }

    fn check(&self, rows: usize, width: usize) -> Result<(), Error> {
        self.intervention.check(rows, width)
    }

    fn collects(&self) -> bool {
        self.intervention.collects()
    }
}

impl Operations {
    pub fn of(family: &Family, case: &Case) -> Result<Self, String> {
        let mut own = Vec::new();
        let (mut numbers, mut linked, mut links) = (Vec::new(), Vec::new(), BTreeMap::new());
        for representation in &case.representations {
            let link = representation.intervention_link_key.as_ref().map(ToString::to_string);
            linked.push(link.is_some());
            if let Some(known) = link.as_ref().and_then(|link| links.get(link)) {
                numbers.push(*known);
                continue;
            }
            if let Some(link) = link {
                links.insert(link, own.len());
            }
            numbers.push(own.len());
            own.push(intervention(family, representation)?);
        }
        Ok(Self { own, numbers, linked })
    }

    pub fn number(&self, representation: usize) -> usize {
        self.numbers[representation]
    }

    pub fn kind(&self, representation: usize) -> Kind {
        self.own[self.numbers[representation]].kind()
    }

    /// Rows are laid end to end where the weights are as wide as all of them together. That is what pyvene does with
    /// every distributed intervention; a localist one, or one whose weights are for one unit, takes each by itself.
    pub fn layout(&self, representation: usize, unit_width: usize, base: &Units) -> Layout {
        let own = &self.own[self.numbers[representation]];
        let by_unit = matches!(base, Units::All) || own.width().is_none_or(|width| width == unit_width);
        if by_unit { Layout::Separate } else { Layout::Concatenated }
    }

    /// Lets `run` have them as a list.
    pub fn with<T>(&self, run: impl FnOnce(Vec<&dyn Operation>) -> T) -> T {
        let hot: Vec<Hot> =
            self.own.iter().map(|intervention| Hot { intervention, rows: RefCell::new(None) }).collect();
        let list = self.own.iter().zip(&hot).enumerate().map(|(number, (own, hot))| -> &dyn Operation {
            let linked = self.numbers.iter().zip(&self.linked).any(|(of, linked)| *of == number && *linked);
            if linked { hot } else { own }
        });
        run(list.collect())
    }
}

fn intervention(family: &Family, representation: &Representation) -> Result<AnyIntervention, String> {
    let kind: Kind = representation.intervention_type.parse().map_err(|error: Error| error.to_string())?;
    let weights = representation.weights.iter();
    let tensors: NamedTensors = weights.map(|(name, stored)| (name.clone(), family.numbers.data(stored))).collect();
    AnyIntervention::from_tensors(kind, &tensors, None, &device()).map_err(|error| error.to_string())
}
