//! Rows of some sites, read from a model over a file of inputs.

use std::path::Path;
use std::str::FromStr;

use burn::tensor::{DType, Tensor};

use super::Opened;
use crate::data::{Input, Inputs, Positions};
use crate::error::Error;
use crate::models::{Context, FrozenModel, LanguageModel, SiteShape};
use crate::report::Progress;
use crate::tap::{Component, Rows, Site};

/// A site, or a component in all layers: `3.block_output`, `all.block_output`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SiteChoice {
    /// The layer; all of them without one.
    layer: Option<usize>,
    component: Component,
}

impl FromStr for SiteChoice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.split_once('.') {
            Some(("all", component)) => Ok(Self { layer: None, component: component.parse()? }),
            _ => text.parse().map(|site: Site| Self { layer: Some(site.layer), component: site.component }),
        }
    }
}

/// A site whose rows are read.
pub(super) struct Wanted {
    pub site: Site,
    pub shape: SiteShape,
}

/// The sites that were chosen, each once.
pub(super) fn wanted(opened: &Opened, sites: &[SiteChoice]) -> Result<Vec<Wanted>, Error> {
    let mut wanted: Vec<Wanted> = Vec::new();
    for choice in sites {
        let layers = choice.layer.map_or(0..opened.model.n_layers(), |layer| layer..layer + 1);
        for layer in layers {
            let site = choice.component.at(layer);
            let shape = opened.check_site(site)?;
            if wanted.iter().any(|known| known.site == site) {
                return Err(Error::Invalid(format!("{site} is named twice in --sites")));
            }
            wanted.push(Wanted { site, shape });
        }
    }
    Ok(wanted)
}

/// A file of inputs whose rows are read: which tokens of each, and how many inputs run at once.
pub(super) struct Reading<'a> {
    pub opened: &'a Opened,
    pub inputs: &'a Path,
    /// Where a line does not say.
    pub positions: &'a Positions,
    pub batch: usize,
}

/// An input that is ready to run: its tokens and the positions that are kept.
pub(super) type Ready = (Vec<u32>, Vec<usize>);

/// Who takes what is read.
pub(super) trait Taker {
    /// A batch is about to run; `first` is the number of its first input.
    fn begin(&mut self, first: usize, batch: &[Ready]) -> Result<(), Error>;
    /// The batch's rows at the `at`-th site, `[rows, width]`.
    fn take(&mut self, at: usize, rows: &[f32]) -> Result<(), Error>;
}

impl Reading<'_> {
    /// The number of inputs and of rows, every input checked.
    pub fn count(&self) -> Result<(usize, usize), Error> {
        let mut inputs = Inputs::open(self.inputs)?;
        let (mut examples, mut rows) = (0, 0);
        while let Some((_, positions)) = self.next(&mut inputs)? {
            examples += 1;
            rows += positions.len();
        }
        if examples == 0 {
            return Err(Error::content(self.inputs, "holds no input: one line of JSON each is needed"));
        }
        Ok((examples, rows))
    }

    /// Runs every input, batch by batch, and hands over each site's rows as they come by.
    pub fn run(&self, wanted: &[Wanted], taker: &mut dyn Taker, progress: &mut Progress) -> Result<(), Error> {
        let mut inputs = Inputs::open(self.inputs)?;
        let mut done = 0;
        loop {
            let mut batch: Vec<Ready> = Vec::with_capacity(self.batch);
            while batch.len() < self.batch
                && let Some(ready) = self.next(&mut inputs)?
            {
                batch.push(ready);
            }
            if batch.is_empty() {
                return Ok(());
            }
            taker.begin(done, &batch)?;
            self.run_batch(wanted, &batch, taker)?;
            done += batch.len();
            progress.advance(done);
        }
    }

    fn next(&self, inputs: &mut Inputs) -> Result<Option<Ready>, Error> {
        let Some(input) = inputs.next().transpose()? else { return Ok(None) };
        let ready = |Input { base, sources, positions, source_positions, subspaces }: Input| {
            if !sources.is_empty() || source_positions.is_some() || !subspaces.is_empty() {
                let problem =
                    "`sources`, `source_positions` and `subspaces` are of no use here: collect runs the base alone";
                return Err(Error::Invalid(problem.to_owned()));
            }
            let prompt = self.opened.prompt(&base)?;
            let kept = positions.as_ref().unwrap_or(self.positions).resolve(&prompt)?;
            Ok((prompt.tokens().to_vec(), kept))
        };
        ready(input).map(Some).map_err(|error| inputs.wrong(&error))
    }

    fn run_batch(&self, wanted: &[Wanted], batch: &[Ready], taker: &mut dyn Taker) -> Result<(), Error> {
        let prompts: Vec<&[u32]> = batch.iter().map(|(tokens, _)| tokens.as_slice()).collect();
        let lengths: Vec<usize> = prompts.iter().map(|prompt| prompt.len()).collect();
        let longest = lengths.iter().copied().max().unwrap_or(0);
        // The inputs keep different numbers of rows: to gather them, the batch is one long example.
        let places =
            |(at, (_, kept)): (usize, &Ready)| kept.iter().map(|position| at * longest + position).collect::<Vec<_>>();
        let rows = Rows::positions(vec![batch.iter().enumerate().flat_map(places).collect()])?;

        let mut taken = Ok(());
        let mut tap = |site: Site, activation: Tensor<3>| {
            let here =
                |wanted: &Wanted| wanted.site.layer == site.layer && wanted.site.component.site() == site.component;
            for (at, _) in wanted.iter().enumerate().filter(|(_, wanted)| here(wanted)) {
                let [batch, seq, width] = activation.dims();
                let gathered = rows.gather(activation.clone().reshape([1, batch * seq, width])).cast(DType::F32);
                let values: Vec<f32> = gathered.into_data().iter::<f32>().collect();
                if taken.is_ok() {
                    taken = taker.take(at, &values);
                }
            }
            activation
        };
        let mut context = Context::of_lengths(&lengths);
        let hidden = self.opened.model.embed(self.opened.tokens(&prompts), &context);
        let needed = wanted.iter().map(|wanted| wanted.site.layer + 1).max().unwrap_or(0);
        self.opened.model.layers(hidden, 0..needed, &mut context, &mut tap);
        taken
    }
}
