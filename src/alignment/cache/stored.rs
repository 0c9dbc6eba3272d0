//! The states, keys, values and sources' rows that a plan asks for, computed by the frozen model.

use std::collections::BTreeMap;
use std::ops::Range;

use burn::tensor::{DType, Device, Tensor};

use super::plan::{Beginning, Plan};
use super::run_states::RunStates;
use super::shelf::{Filling, Home, Index, Shelf};
use crate::alignment::padded;
use crate::data::Pair;
use crate::error::Error;
use crate::models::{Context, KeyValue, LanguageModel};
use crate::tap::{Component, Site, Tap};

const CHUNK: usize = 1024;

pub(super) struct Stored {
    pub plan: Plan,
    /// The states that enter each suffix, and the keys and values of the beginnings.
    pub states: RunStates,
    /// By site, `[rows, width]`.
    pub sources: BTreeMap<Site, Shelf>,
}

impl Plan {
    /// The bytes that its rows will take, in f32.
    pub fn bytes(&self, model: &dyn LanguageModel) -> u64 {
        let width = |component| model.site_shape(component).map_or(0, |shape| shape.width);
        let states = self.entries.len() * self.rows() * width(Component::BlockOutput);
        let layers = model.n_layers() - self.entries.first().copied().unwrap_or(0);
        let row = width(Component::KeyOutput) + width(Component::ValueOutput);
        let memory = layers * self.beginnings.len() * self.before() * row;
        let sources = self.source_rows() * self.sites.iter().map(|site| width(site.component)).sum::<usize>();
        4 * (states + memory + sources) as u64
    }
}

impl Stored {
    pub fn run(
        model: &dyn LanguageModel,
        plan: Plan,
        pairs: &[Pair],
        home: Home<'_>,
        device: &Device,
        watch: &mut dyn FnMut(usize, usize),
    ) -> Result<Self, Error> {
        let before = plan.before();
        let begin = if before == 0 { 0 } else { plan.beginnings.len() };
        let all = begin + plan.bases.len() + plan.sources.len();
        let mut done = 0;
        let mut report = |more: usize| {
            done += more;
            watch(done, all);
        };

        let fresh = || Filling::new(home);
        let mut hidden: BTreeMap<usize, Filling> =
            plan.entries.iter().map(|entry| Ok((*entry, fresh()?))).collect::<Result<_, Error>>()?;
        let n_layers = model.n_layers();
        let mut memory: Vec<[Filling; 2]> = Vec::new();
        let mut shape = [0, before, 0];
        for at in chunks(plan.beginnings[..begin].iter().map(|beginning| beginning.len)) {
            while memory.len() < n_layers {
                memory.push([fresh()?, fresh()?]);
            }
            let some = &plan.beginnings[at.clone()];
            // A beginning without tokens runs token 0 for the shape; its keys and values are masked out.
            let tokens = |b: &Beginning| if b.len == 0 { &[0][..] } else { &pairs[b.pair].base.tokens[..b.len] };
            let prompts: Vec<&[u32]> = some.iter().map(tokens).collect();
            let (tokens, context) = padded(&prompts, device);
            let mut context = context.keeping();
            let x = model.embed(tokens, &context);
            let rows: Vec<Vec<usize>> = some.iter().map(|b| (b.from..b.len).collect()).collect();
            let (x, last) = climb(model, x, &mut context, &rows, &mut hidden)?;
            model.layers(x, last..n_layers, &mut context, &mut ());
            let kept = context.into_memory();
            for (layer, filling) in memory.iter_mut().enumerate() {
                let KeyValue { keys, values } = kept.layer(layer).expect("every layer has just run");
                for (filling, x) in filling.iter_mut().zip([keys, values]) {
                    let [count, heads, _, head_dim] = x.dims();
                    shape = [heads, before, head_dim];
                    filling.add(widen(x.clone(), before).reshape([count, heads * before * head_dim]))?;
                }
            }
            report(some.len());
        }
        let shelve = |[keys, values]: [Filling; 2]| Ok(Some([keys.shelve()?, values.shelve()?]));
        let memory = memory.into_iter().map(shelve).collect::<Result<_, Error>>()?;
        let states = RunStates { hidden: BTreeMap::new(), memory, shape };
        let mut stored = Self { plan, states, sources: BTreeMap::new() };

        let plan = &stored.plan;
        for at in chunks(plan.bases.iter().map(|base| base.len - base.split)) {
            let some = &plan.bases[at.clone()];
            let first: Vec<usize> = some.iter().map(|base| base.split).collect();
            let prompts: Vec<&[u32]> = some.iter().map(|base| &pairs[base.pair].base.tokens[base.split..]).collect();
            let lengths: Vec<usize> = prompts.iter().map(|prompt| prompt.len()).collect();
            let beginnings: Vec<usize> = some.iter().map(|base| base.beginning).collect();
            let mut context = Context::tail(&first, &lengths, stored.states.memory(&beginnings, &first, 0));
            let x = model.embed(padded(&prompts, device).0, &context);
            let rows: Vec<Vec<usize>> = lengths.iter().map(|length| (0..*length).collect()).collect();
            climb(model, x, &mut context, &rows, &mut hidden)?;
            report(some.len());
        }
        let entry = plan.entries.first().copied().unwrap_or(0);
        let sources = stored.read_sources(model, pairs, home, device, &mut report)?;
        stored.sources = sources;
        stored.states.hidden =
            hidden.into_iter().map(|(entry, rows)| Ok((entry, rows.shelve()?))).collect::<Result<_, Error>>()?;
        stored.states.memory.iter_mut().take(entry).for_each(|below| *below = None);
        Ok(stored)
    }

    fn read_sources(
        &self,
        model: &dyn LanguageModel,
        pairs: &[Pair],
        home: Home<'_>,
        device: &Device,
        report: &mut dyn FnMut(usize),
    ) -> Result<BTreeMap<Site, Shelf>, Error> {
        let plan = &self.plan;
        let sites = plan.sites.iter().map(|site| Ok((*site, Filling::new(home)?)));
        let mut sites: BTreeMap<Site, Filling> = sites.collect::<Result<_, Error>>()?;
        let layers = plan.sites.iter().map(|site| site.layer + 1).max().unwrap_or(0);
        for at in chunks(plan.sources.iter().map(|source| source.len)) {
            let some = &plan.sources[at];
            let prompts: Vec<&[u32]> =
                some.iter().map(|source| &pairs[source.pair].sources[source.which].1.tokens[..source.len]).collect();
            let (tokens, mut context) = padded(&prompts, device);
            let x = model.embed(tokens, &context);
            let rows = some.iter().map(|source| source.positions.clone()).collect::<Vec<_>>();
            let mut reader = SourceReader { rows: &rows, sites: &mut sites, outcome: Ok(()) };
            model.layers(x, 0..layers, &mut context, &mut reader);
            reader.outcome?;
            report(some.len());
        }
        sites.into_iter().map(|(site, rows)| Ok((site, rows.shelve()?))).collect()
    }

    pub fn bytes(&self) -> usize {
        self.states.bytes() + self.sources.values().map(Shelf::bytes).sum::<usize>()
    }
}

/// Runs the layers up to the last entry, and keeps the states that enter each; gives what enters the last, and where
/// that is. `rows` are the places of each example that are kept.
fn climb(
    model: &dyn LanguageModel,
    mut x: Tensor<3>,
    context: &mut Context,
    rows: &[Vec<usize>],
    hidden: &mut BTreeMap<usize, Filling>,
) -> Result<(Tensor<3>, usize), Error> {
    let mut below = 0;
    for (entry, filling) in hidden {
        x = model.layers(x, below..*entry, context, &mut ());
        below = *entry;
        if let Some(rows) = pick(x.clone(), rows) {
            filling.add(rows)?;
        }
    }
    Ok((x, below))
}

/// Keeps the rows of several sites.
struct SourceReader<'a> {
    rows: &'a [Vec<usize>],
    sites: &'a mut BTreeMap<Site, Filling>,
    outcome: Result<(), Error>,
}

impl Tap for SourceReader<'_> {
    fn visit(&mut self, site: Site, activation: Tensor<3>) -> Tensor<3> {
        if let Some(filling) = self.sites.get_mut(&site) {
            let rows = pick(activation.clone(), self.rows).expect("a source names a position");
            let added = filling.add(rows.cast(DType::F32));
            self.outcome = std::mem::replace(&mut self.outcome, Ok(())).and(added);
        }
        activation
    }
}

/// Each example's own places, one after another: `[batch, seq, width]` to `[places, width]`; none of none.
fn pick(x: Tensor<3>, rows: &[Vec<usize>]) -> Option<Tensor<2>> {
    let [batch, seq, width] = x.dims();
    let numbers = rows.iter().enumerate().flat_map(|(example, places)| places.iter().map(move |at| example * seq + at));
    let numbers: Vec<usize> = numbers.collect();
    let x = x.reshape([batch * seq, width]);
    (!numbers.is_empty()).then(|| Shelf::Device(x).take(&Index::new(numbers), 1))
}

/// Neighbours that run at once: as many as have [`CHUNK`] tokens together, when each is as long as the longest.
fn chunks(lengths: impl Iterator<Item = usize>) -> Vec<Range<usize>> {
    let mut chunks: Vec<Range<usize>> = Vec::new();
    let mut longest = 0;
    for (at, length) in lengths.enumerate() {
        longest = longest.max(length.max(1));
        match chunks.last_mut() {
            Some(chunk) if (chunk.len() + 1) * longest <= CHUNK => chunk.end = at + 1,
            _ => {
                longest = length.max(1);
                chunks.push(at..at + 1);
            }
        }
    }
    chunks
}

/// Zeros behind the keys or values, up to a number of positions; what stands there is never seen.
fn widen(x: Tensor<4>, positions: usize) -> Tensor<4> {
    let [batch, heads, length, width] = x.dims();
    if length == positions {
        return x;
    }
    let zeros = Tensor::zeros([batch, heads, positions - length, width], (&x.device(), x.dtype()));
    Tensor::cat(vec![x, zeros], 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_has_as_many_prompts_as_fit() {
        assert_eq!(chunks([CHUNK / 2, CHUNK / 2, 1, 2000, 1].into_iter()), [0..2, 2..3, 3..4, 4..5]);
        assert_eq!(chunks([0, 0, CHUNK].into_iter()), [0..2, 2..3]);
        assert_eq!(chunks([7].into_iter().cycle().take(200)), [0..146, 146..200]);
    }
}
