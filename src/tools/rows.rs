//! Reads the rows of some sites from a model's runs over a file of inputs.

use std::path::Path;
use std::str::FromStr;

use burn::tensor::{DType, Tensor};

use super::OpenedModel;
use crate::data::{InputLine, InputReader, Positions};
use crate::error::Error;
use crate::models::{Context, FrozenModel, LanguageModel, SiteShape};
use crate::report::Observer;
use crate::tap::{Component, Rows, Site};

/// A site, such as `3.block_output`, or a component in all layers, such as `all.block_output`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SiteChoice {
    /// The layer; `None`: all layers.
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

pub(super) struct ChosenSite {
    pub site: Site,
    pub shape: SiteShape,
}

/// The chosen sites. Returns an error for a site that the model does not have, or that is chosen twice.
pub(super) fn chosen_sites(opened: &OpenedModel, sites: &[SiteChoice]) -> Result<Vec<ChosenSite>, Error> {
    let mut chosen: Vec<ChosenSite> = Vec::new();
    for choice in sites {
        let layers = choice.layer.map_or(0..opened.model.n_layers(), |layer| layer..layer + 1);
        for layer in layers {
            let site = choice.component.at(layer);
            let shape = opened.check_site(site)?;
            if chosen.iter().any(|known| known.site == site) {
                return Err(Error::Invalid(format!("{site} is named twice in --sites")));
            }
            chosen.push(ChosenSite { site, shape });
        }
    }
    Ok(chosen)
}

pub(super) struct RowReader<'a> {
    pub opened: &'a OpenedModel,
    pub inputs: &'a Path,
    /// The positions of lines that name none.
    pub positions: &'a Positions,
    pub batch: usize,
}

/// An input that is ready to run: its tokens, and the positions whose rows are read.
pub(super) type ReadyInput = (Vec<u32>, Vec<usize>);

pub(super) trait RowSink {
    /// Is called before a batch runs. `first` is the number of its first input.
    fn begin(&mut self, first: usize, batch: &[ReadyInput]) -> Result<(), Error>;
    /// Receives the batch's rows at the `at`-th site, `[rows, width]`.
    fn add_rows(&mut self, at: usize, rows: &[f32]) -> Result<(), Error>;
}

impl RowReader<'_> {
    pub fn count(&self) -> Result<(usize, usize), Error> {
        let mut inputs = InputReader::open(self.inputs)?;
        let (mut examples, mut rows) = (0, 0);
        while let Some((_, positions)) = self.next(&mut inputs)? {
            examples += 1;
            rows += positions.len();
        }
        if examples == 0 {
            return Err(Error::content(self.inputs, "has no inputs: one line of JSON for each is needed"));
        }
        Ok((examples, rows))
    }

    /// Runs all inputs in batches and passes each site's rows to `sink`.
    pub fn run(&self, sites: &[ChosenSite], sink: &mut dyn RowSink, observer: &mut dyn Observer) -> Result<(), Error> {
        let mut inputs = InputReader::open(self.inputs)?;
        let mut done = 0;
        loop {
            let mut batch: Vec<ReadyInput> = Vec::with_capacity(self.batch);
            while batch.len() < self.batch
                && let Some(ready) = self.next(&mut inputs)?
            {
                batch.push(ready);
            }
            if batch.is_empty() {
                return Ok(());
            }
            sink.begin(done, &batch)?;
            self.run_batch(sites, &batch, sink)?;
            done += batch.len();
            observer.advance(done);
        }
    }

    fn next(&self, inputs: &mut InputReader) -> Result<Option<ReadyInput>, Error> {
        let Some(input) = inputs.next().transpose()? else { return Ok(None) };
        let ready = |InputLine { base, sources, positions, source_positions, subspaces }: InputLine| {
            if !sources.is_empty() || source_positions.is_some() || !subspaces.is_empty() {
                let problem =
                    "`sources`, `source_positions` and `subspaces` are not supported: collect runs only the base";
                return Err(Error::Invalid(problem.to_owned()));
            }
            let prompt = self.opened.prompt(&base)?;
            let positions = positions.as_ref().unwrap_or(self.positions).resolve(&prompt)?;
            Ok((prompt.tokens().to_vec(), positions))
        };
        ready(input).map(Some).map_err(|error| inputs.wrong(&error))
    }

    fn run_batch(&self, sites: &[ChosenSite], batch: &[ReadyInput], sink: &mut dyn RowSink) -> Result<(), Error> {
        let prompts: Vec<&[u32]> = batch.iter().map(|(tokens, _)| tokens.as_slice()).collect();
        let lengths: Vec<usize> = prompts.iter().map(|prompt| prompt.len()).collect();
        let longest = lengths.iter().copied().max().unwrap_or(0);
        // InputReader have different numbers of rows, so the batch is gathered as one long example.
        let indices = |(at, (_, positions)): (usize, &ReadyInput)| {
            positions.iter().map(|position| at * longest + position).collect::<Vec<_>>()
        };
        let rows = Rows::positions(vec![batch.iter().enumerate().flat_map(indices).collect()])?;

        let mut outcome = Ok(());
        let mut tap = |site: Site, activation: Tensor<3>| {
            let here =
                |chosen: &ChosenSite| chosen.site.layer == site.layer && chosen.site.component.site() == site.component;
            for (at, _) in sites.iter().enumerate().filter(|(_, chosen)| here(chosen)) {
                let [batch, seq, width] = activation.dims();
                let gathered = rows.gather(activation.clone().reshape([1, batch * seq, width])).cast(DType::F32);
                let values: Vec<f32> = gathered.into_data().iter::<f32>().collect();
                if outcome.is_ok() {
                    outcome = sink.add_rows(at, &values);
                }
            }
            activation
        };
        let mut context = Context::of_lengths(&lengths);
        let hidden = self.opened.model.embed(self.opened.tokens(&prompts), &context);
        let needed = sites.iter().map(|chosen| chosen.site.layer + 1).max().unwrap_or(0);
        self.opened.model.layers(hidden, 0..needed, &mut context, &mut tap);
        outcome
    }
}
