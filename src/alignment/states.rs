//! Everything that the frozen model makes of the pairs, run once and kept for a search, or for every cell of a sweep.

use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

use burn::tensor::{DType, Device, Int, Tensor, TensorData};

use super::cache::{Cache, check};
use super::plan::{Place, Plan};
use super::shelf::{Filling, Home, Index, Shelf};
use super::storage::{Level, Storage};
use crate::device;
use crate::error::Error;
use crate::models::{Context, KeyValue, LanguageModel, Memory, PADDING};
use crate::tap::{Component, Site, Tap};

/// Tokens that run through the model at once.
const CHUNK: usize = 1024;

/// What the frozen model makes of the pairs of a search, or of a sweep's cells.
pub struct States<'a> {
    pub(super) model: &'a dyn LanguageModel,
    pub(super) device: Device,
    level: Level,
    stored: Option<Rc<Stored>>,
}

/// A plan and the rows that it has led to.
pub(super) struct Stored {
    pub plan: Plan,
    /// By entry, `[rows, d_model]`.
    pub hidden: BTreeMap<usize, Shelf>,
    /// Per layer, the keys and the values of the beginnings, `[beginnings, n_kv_heads × longest × head_dim]`; none
    /// where no pair has a beginning, or below the first entry.
    memory: Vec<Option<[Shelf; 2]>>,
    /// `n_kv_heads`, longest beginning, `head_dim`
    shape: [usize; 3],
    /// By site, `[rows, width]`.
    pub sources: BTreeMap<Site, Shelf>,
}

impl<'a> States<'a> {
    /// Runs the frozen model on the pairs of all cells, each different prompt once. A cell lists the places that are
    /// intervened on at once. `watch` sees how many prompts are done, of how many.
    pub fn fill(
        model: &'a dyn LanguageModel,
        cells: &[Vec<Place>],
        storage: &Storage,
        device: &Device,
        watch: &mut dyn FnMut(usize, usize),
    ) -> Result<Self, Error> {
        check(model, cells)?;
        let plan = Plan::new(cells);
        let bytes = plan.bytes(model);
        let level = storage.choose(bytes, device)?;
        let home = match level {
            Level::Memory => Some(Home::Device),
            Level::Host => Some(Home::Host),
            Level::Disk => Some(Home::Folder(&storage.folder)),
            Level::Recompute => None,
        };
        let doing = format!("filling the cache, {} at the level `{level}`", device::format_bytes(bytes));
        let lower = "cache.level = \"host\" or \"disk\", fewer pairs, model.dtype = \"bf16\"";
        let run = |home| device::attempt(device, &doing, lower, || Stored::run(model, plan, home, device, watch));
        let stored = home.map(run).transpose()?.map(Rc::new);
        Ok(Self { model, device: device.clone(), level, stored })
    }

    /// The constants of one of the cells.
    #[must_use]
    pub fn cache(&self, cell: &[Place]) -> Cache<'a> {
        Cache::new(self.model, self.stored.clone(), cell, &self.device)
    }

    /// Where they are kept.
    #[must_use]
    pub fn level(&self) -> Level {
        self.level
    }

    /// The bytes that they take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.stored.as_ref().map_or(0, |stored| stored.bytes())
    }
}

impl Plan {
    /// The bytes that its rows will take, in f32.
    fn bytes(&self, model: &dyn LanguageModel) -> u64 {
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
    /// Runs a plan.
    pub fn run(
        model: &dyn LanguageModel,
        plan: Plan,
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
        for at in chunks(plan.beginnings[..begin].iter().map(|beginning| beginning.tokens.len())) {
            while memory.len() < n_layers {
                memory.push([fresh()?, fresh()?]);
            }
            let some = &plan.beginnings[at.clone()];
            // A beginning without tokens runs one for the shape; nobody looks at it.
            let prompts: Vec<&[u32]> =
                some.iter().map(|b| if b.tokens.is_empty() { &[0][..] } else { &b.tokens[..] }).collect();
            let (tokens, context) = padded(&prompts, device);
            let mut context = context.keeping();
            let x = model.embed(tokens, &context);
            let rows: Vec<Vec<usize>> = some.iter().map(|b| (b.from..b.tokens.len()).collect()).collect();
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
        let mut stored = Self { plan, hidden: BTreeMap::new(), memory, shape, sources: BTreeMap::new() };

        let plan = &stored.plan;
        for at in chunks(plan.bases.iter().map(|base| base.tokens.len() - base.split)) {
            let some = &plan.bases[at.clone()];
            let first: Vec<usize> = some.iter().map(|base| base.split).collect();
            let prompts: Vec<&[u32]> = some.iter().map(|base| &base.tokens[base.split..]).collect();
            let lengths: Vec<usize> = prompts.iter().map(|prompt| prompt.len()).collect();
            let beginnings: Vec<usize> = some.iter().map(|base| base.beginning).collect();
            let mut context = Context::tail(&first, &lengths, stored.memory(&beginnings, &first, 0));
            let x = model.embed(padded(&prompts, device).0, &context);
            let rows: Vec<Vec<usize>> = lengths.iter().map(|length| (0..*length).collect()).collect();
            climb(model, x, &mut context, &rows, &mut hidden)?;
            report(some.len());
        }
        let entry = plan.entries.first().copied().unwrap_or(0);
        let sources = stored.read_sources(model, home, device, &mut report)?;
        stored.sources = sources;
        stored.hidden =
            hidden.into_iter().map(|(entry, rows)| Ok((entry, rows.shelve()?))).collect::<Result<_, Error>>()?;
        stored.memory.iter_mut().take(entry).for_each(|below| *below = None);
        Ok(stored)
    }

    fn read_sources(
        &self,
        model: &dyn LanguageModel,
        home: Home<'_>,
        device: &Device,
        report: &mut dyn FnMut(usize),
    ) -> Result<BTreeMap<Site, Shelf>, Error> {
        let plan = &self.plan;
        let sites = plan.sites.iter().map(|site| Ok((*site, Filling::new(home)?)));
        let mut sites: BTreeMap<Site, Filling> = sites.collect::<Result<_, Error>>()?;
        let layers = plan.sites.iter().map(|site| site.layer + 1).max().unwrap_or(0);
        for at in chunks(plan.sources.iter().map(|source| source.tokens.len())) {
            let some = &plan.sources[at];
            let prompts: Vec<&[u32]> = some.iter().map(|source| &source.tokens[..]).collect();
            let (tokens, mut context) = padded(&prompts, device);
            let x = model.embed(tokens, &context);
            let rows = some.iter().map(|source| source.positions.clone()).collect::<Vec<_>>();
            let mut reader = Reader { rows: &rows, sites: &mut sites, outcome: Ok(()) };
            model.layers(x, 0..layers, &mut context, &mut reader);
            reader.outcome?;
            report(some.len());
        }
        sites.into_iter().map(|(site, rows)| Ok((site, rows.shelve()?))).collect()
    }

    /// The keys and values before tails that begin at `first`, of the layers from `entry` on.
    pub fn memory(&self, beginnings: &[usize], first: &[usize], entry: usize) -> Memory {
        let before = first.iter().copied().max().unwrap_or(0);
        if before == 0 || self.memory.is_empty() {
            return Memory::default();
        }
        let row = |first: &usize| (0..before).map(|at| if at < *first { at as i64 } else { PADDING }).collect();
        let (index, [heads, longest, head_dim]) = (Index::new(beginnings.to_vec()), self.shape);
        let cut = |shelf: &Shelf| {
            shelf.take(&index, 1).reshape([beginnings.len(), heads, longest, head_dim]).narrow(2, 0, before)
        };
        let layer = |(at, layer): (usize, &Option<[Shelf; 2]>)| {
            let [keys, values] = layer.as_ref().filter(|_| at >= entry)?;
            Some(KeyValue { keys: cut(keys), values: cut(values) })
        };
        Memory::new(first.iter().map(row).collect(), self.memory.iter().enumerate().map(layer).collect())
    }

    /// The bytes of all rows.
    pub fn bytes(&self) -> usize {
        let memory = self.memory.iter().flatten().flatten();
        memory.chain(self.hidden.values()).chain(self.sources.values()).map(Shelf::bytes).sum()
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
struct Reader<'a> {
    rows: &'a [Vec<usize>],
    sites: &'a mut BTreeMap<Site, Filling>,
    outcome: Result<(), Error>,
}

impl Tap for Reader<'_> {
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

/// Prompts as one tensor, padded on the right.
pub(super) fn padded(prompts: &[&[u32]], device: &Device) -> (Tensor<2, Int>, Context) {
    let lengths: Vec<usize> = prompts.iter().map(|prompt| prompt.len()).collect();
    let longest = lengths.iter().copied().max().unwrap_or(0);
    let row = |prompt: &&[u32]| (0..longest).map(|at| prompt.get(at).map_or(0, |token| i64::from(*token))).collect();
    let tokens: Vec<Vec<i64>> = prompts.iter().map(row).collect();
    let tokens = TensorData::new(tokens.concat(), [prompts.len(), longest]);
    (Tensor::from_data(tokens, device), Context::of_lengths(&lengths))
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
