//! Any number of interventions on one model in one run: pyvene's `IntervenableModel` (Wu et al. 2024, arXiv 2403.07809).
//!
//! A [`Representation`] says where (a site), what (an [`Operation`], by its number: two representations with the same
//! number share its weights) and from which of the run's sources. A [`Placement`] says, run by run, which [`Units`] of
//! the base and of the source, and which subspace. [`Intervenable::run`] checks everything before anything runs, runs
//! the sources for the rows that are needed, and then the base with all edits.
//!
//! ```no_run
//! # use burn::tensor::Device;
//! # use intervene::{Error, interventions::{AnyIntervention, Vanilla}, intervenable::*, models::Pretrained, tap::Component};
//! # fn run(model: &Pretrained, john: Vec<u32>, mary: Vec<u32>) -> Result<(), Error> {
//! let device = Device::flex();
//! let swap = AnyIntervention::Vanilla(Vanilla {});
//! let name = Representation::new(Component::BlockOutput.at(4), 0).source(0);
//! let intervenable = Intervenable::new(model, vec![name], vec![&swap], Order::Parallel)?;
//! let base = Input::tokens(model, &[john], &device)?;
//! let sources = [Some(Input::tokens(model, &[mary], &device)?)];
//! let logits = intervenable.run(&base, &sources, &[Some(Placement::at(Units::positions(2)))])?.logits;
//! # Ok(()) }
//! ```
//!
//! Edits act as the model visits their sites, and at one site in the order of their representations, each on what the
//! one before it left. Rows are read and written in f32 whatever the model's dtype.

mod edit;
mod generation;
mod input;
mod operation;
mod plan;
mod run;
mod units;

pub use generation::{During, Generated};
pub use input::Input;
pub use operation::{Operation, Own, Sourceless};
pub use run::Run;
pub use units::{Each, Layout, Units};

use burn::tensor::Tensor;

use crate::error::Error;
use crate::interventions::Subspace;
use crate::models::{FrozenModel, SiteShape};
use crate::tap::{Component, Site};

/// A place in the model, and what is done there.
#[derive(Clone, Debug)]
pub struct Representation {
    /// Where; a `head_` component's units are heads.
    pub site: Site,
    /// The number of its operation; representations that name the same one share its weights.
    pub operation: usize,
    /// The number of the source that it reads; representations that name the same one share its run. In a serial order
    /// this is also when it acts: on the run after that source's. `None` acts on the base alone.
    pub source: Option<usize>,
    /// Rows to take in a source's place, the same for all units, `[width]`.
    pub constant: Option<Tensor<1>>,
    /// How several units of an example lie before the operation.
    pub layout: Layout,
    /// What [`Needs::Input`](crate::interventions::Needs::Input) reads; the input of the site's module where it is `None`.
    pub input: Option<Component>,
}

impl Representation {
    /// An operation at a site, without a source.
    #[must_use]
    pub const fn new(site: Site, operation: usize) -> Self {
        Self { site, operation, source: None, constant: None, layout: Layout::Separate, input: None }
    }

    /// Reads the source of that number.
    #[must_use]
    pub const fn source(mut self, source: usize) -> Self {
        self.source = Some(source);
        self
    }

    /// Reads a constant.
    #[must_use]
    pub fn constant(mut self, constant: Tensor<1>) -> Self {
        self.constant = Some(constant);
        self
    }

    /// With its units end to end as one long row.
    #[must_use]
    pub const fn concatenated(mut self) -> Self {
        self.layout = Layout::Concatenated;
        self
    }
}

/// Where a representation acts in one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The units that are edited.
    pub base: Units,
    /// The source's units; the base's where it is `None`.
    pub source: Option<Units>,
    /// The part of the operation's space that is edited; all of it where it is `None`.
    pub subspace: Option<Subspace>,
}

impl Placement {
    /// The same units in base and source.
    #[must_use]
    pub const fn at(units: Units) -> Self {
        Self { base: units, source: None, subspace: None }
    }

    /// From the source's units into the base's.
    #[must_use]
    pub const fn between(source: Units, base: Units) -> Self {
        Self { base, source: Some(source), subspace: None }
    }

    /// In a part of the space.
    #[must_use]
    pub fn within(mut self, subspace: Subspace) -> Self {
        self.subspace = Some(subspace);
        self
    }
}

/// What the sources are to each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// All sources run untouched, and all go into the base.
    #[default]
    Parallel,
    /// Source 0 goes into source 1, that into source 2 and so on, the last into the base.
    Serial,
}

/// A frozen model with representations in it.
///
/// ```
/// use burn::tensor::Device;
/// use intervene::intervenable::{Input, Intervenable, Order, Placement, Representation, Units};
/// use intervene::interventions::{AnyIntervention, Vanilla};
/// use intervene::models::{Dtype, Pretrained};
/// use intervene::tap::Component;
///
/// let device = Device::flex();
/// let model = Pretrained::load("tests/fixtures/pyvene/gpt2".as_ref(), Dtype::F32, &device)?;
/// let base = Input::tokens(&model, &[vec![5, 9, 2, 33]], &device)?;
/// let source = Input::tokens(&model, &[vec![7, 1, 60, 8]], &device)?;
/// // The source's last row after block 1 into the base, at the base's last token.
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
    /// Refuses sites that the model does not have and operations that are not there.
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
                return Err(Error::Invalid(format!("{site}: the model has {} layers, from 0", model.n_layers())));
            }
            if *operation >= this.operations.len() {
                return Err(Error::Invalid(format!(
                    "representation {number} names operation {operation}: there are {}, from 0",
                    this.operations.len()
                )));
            }
        }
        Ok(this)
    }

    /// How many sources a run takes.
    #[must_use]
    pub fn sources(&self) -> usize {
        self.representations.iter().filter_map(|of| of.source).max().map_or(0, |last| last + 1)
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
