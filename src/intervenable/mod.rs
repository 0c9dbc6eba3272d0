//! Any number of interventions on one model in one run: pyvene's `IntervenableModel` (Wu et al. 2024, arXiv 2403.07809).
//!
//! A [`Representation`] names a site, an [`Operation`] (by its number: representations with the same number share its
//! weights) and one of the run's sources. A [`Placement`] names, for one run, the [`Units`] of the base and of the source,
//! and the subspace. [`Intervenable::run`] checks all of this first, then runs the sources to read the rows that are
//! needed, and then the base with all edits.
//!
//! Edits act when the model visits their sites. At one site they act in the order of their representations, each on the
//! output of the one before it. Rows are read and written in f32 whatever the model's dtype.

mod edit;
mod generation;
mod input;
mod operation;
mod plan;
mod run;
mod units;

pub use generation::{During, Generated};
pub use input::RunInput;
pub use operation::{Operation, Sourceless, TrainableOperation};
pub use run::RunOutput;
pub use units::{Indices, Layout, Units};

use burn::tensor::Tensor;
use serde::Deserialize;

use crate::error::Error;
use crate::interventions::Subspace;
use crate::models::{FrozenModel, SiteShape};
use crate::tap::{Component, Site};

/// A site in the model, and the operation that acts on it.
#[derive(Clone, Debug)]
pub struct Representation {
    /// The site. The units of a `head_` component are heads.
    pub site: Site,
    /// The number of its operation. Representations with the same number share the operation's weights.
    pub operation: usize,
    /// The number of the source that it reads; representations with the same number share one run of that source. In
    /// [`Order::Serial`] it edits the run that follows that source's. `None`: it edits the base and reads no source.
    pub source: Option<usize>,
    /// A row that replaces the source's rows, the same for all units, `[width]`.
    pub constant: Option<Tensor<1>>,
    /// How several units of an example are passed to the operation.
    pub layout: Layout,
    /// The component that [`Needs::Input`](crate::interventions::Needs::Input) reads; `None`: the input of the site's module.
    pub input: Option<Component>,
}

impl Representation {
    /// An operation at a site, without a source and with separate units.
    #[must_use]
    pub const fn new(site: Site, operation: usize) -> Self {
        Self { site, operation, source: None, constant: None, layout: Layout::Separate, input: None }
    }

    /// Sets the number of the source that is read.
    #[must_use]
    pub const fn source(mut self, source: usize) -> Self {
        self.source = Some(source);
        self
    }

    /// Sets a constant that is read in place of a source.
    #[must_use]
    pub fn constant(mut self, constant: Tensor<1>) -> Self {
        self.constant = Some(constant);
        self
    }

    /// Concatenates the units of an example into one row ([`Layout::Concatenated`]).
    #[must_use]
    pub const fn concatenated(mut self) -> Self {
        self.layout = Layout::Concatenated;
        self
    }
}

/// The units and the subspace on which a representation acts in one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The units that are edited.
    pub base: Units,
    /// The source's units; `None`: the same as the base's.
    pub source: Option<Units>,
    /// The columns of the operation's space that are edited; `None`: all columns.
    pub subspace: Option<Subspace>,
}

impl Placement {
    /// The same units in base and source.
    #[must_use]
    pub const fn at(units: Units) -> Self {
        Self { base: units, source: None, subspace: None }
    }

    /// Reads the source's units and edits the base's.
    #[must_use]
    pub const fn between(source: Units, base: Units) -> Self {
        Self { base, source: Some(source), subspace: None }
    }

    /// Restricts the edit to a subspace.
    #[must_use]
    pub fn within(mut self, subspace: Subspace) -> Self {
        self.subspace = Some(subspace);
        self
    }
}

/// How the sources of a run depend on each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// All sources run without edits, and all edits act on the base.
    #[default]
    Parallel,
    /// Rows of source 0 edit source 1, rows of that run edit source 2 and so on; the last source edits the base.
    Serial,
}

/// A frozen model and the representations that edit it.
///
/// ```
/// use burn::tensor::Device;
/// use intervene::intervenable::{RunInput, Intervenable, Order, Placement, Representation, Units};
/// use intervene::interventions::{AnyIntervention, Vanilla};
/// use intervene::models::{Dtype, Pretrained};
/// use intervene::tap::Component;
///
/// let device = Device::flex();
/// let model = Pretrained::load("tests/fixtures/pyvene/gpt2".as_ref(), Dtype::F32, &device)?;
/// let base = RunInput::tokens(&model, &[vec![5, 9, 2, 33]], &device)?;
/// let source = RunInput::tokens(&model, &[vec![7, 1, 60, 8]], &device)?;
/// // Replaces the base's row after block 1, at its last token, by the source's.
/// let there = Representation::new(Component::BlockOutput.at(1), 0).source(0);
/// let swap = AnyIntervention::Vanilla(Vanilla {});
/// let intervenable = Intervenable::new(&model, vec![there], vec![&swap], Order::Parallel)?;
/// let run = intervenable.run(&base, &[Some(source)], &[Some(Placement::at(Units::positions(3)))])?;
/// assert_eq!(run.logits.dims()[..2], [1, 4]); // [batch, seq, vocabulary]
/// # Ok::<(), intervene::Error>(())
/// ```
pub struct Intervenable<'a> {
    model: &'a dyn FrozenModel,
    representations: Vec<Representation>,
    operations: Vec<&'a dyn Operation>,
    order: Order,
}

impl<'a> Intervenable<'a> {
    /// Returns an error for a site that the model does not have and for an operation number that is out of range.
    pub fn new(
        model: &'a dyn FrozenModel,
        representations: Vec<Representation>,
        operations: Vec<&'a dyn Operation>,
        order: Order,
    ) -> Result<Self, Error> {
        let this = Self { model, representations, operations, order };
        for (number, representation) in this.representations.iter().enumerate() {
            let Representation { site, operation, .. } = representation;
            this.shape(site.component)?;
            if site.layer >= model.n_layers() {
                let problem = format!("{site}: the model has {} layers, counted from 0", model.n_layers());
                return Err(Error::Invalid(problem));
            }
            if *operation >= this.operations.len() {
                return Err(Error::Invalid(format!(
                    "representation {number} names operation {operation}: there are {} operations, counted from 0",
                    this.operations.len()
                )));
            }
        }
        Ok(this)
    }

    /// The number of sources that a run needs.
    #[must_use]
    pub fn sources(&self) -> usize {
        self.representations.iter().filter_map(|representation| representation.source).max().map_or(0, |last| last + 1)
    }

    fn shape(&self, component: Component) -> Result<SiteShape, Error> {
        self.model.site_shape(component).ok_or_else(|| {
            let all = Component::ALL.into_iter().filter(|other| self.model.site_shape(*other).is_some());
            let names: Vec<&str> = all.map(Component::name).collect();
            Error::Unknown {
                what: "component of this model",
                name: component.to_string(),
                hint: format!("; there are: {}", names.join(", ")),
            }
        })
    }
}
