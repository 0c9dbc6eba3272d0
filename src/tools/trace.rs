//! `intervene trace`: causal tracing.

use std::ops::Range;
use std::path::PathBuf;
use std::str::FromStr;

use burn::tensor::{DType, Tensor, TensorData, activation};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::tails;
use super::{ModelChoice, OpenedModel, by_layer, label, likeliest, write_heatmap};
use crate::alignment::{RecordedRun, TailStart};
use crate::data::Tokenised;
use crate::error::Error;
use crate::models::{Context, FrozenModel, LanguageModel};
use crate::orthogonal::gaussian;
use crate::report::{Heatmap, Observer};
use crate::tap::{Component, Patch, Rows, Site, Tap};

/// The activations that are restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceKind {
    /// The state after one layer.
    States,
    /// The outputs of a window of MLPs.
    Mlp,
    /// The outputs of a window of attentions.
    Attention,
    /// All three, one after the other.
    All,
}

impl FromStr for TraceKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "states" => Ok(Self::States),
            "mlp" => Ok(Self::Mlp),
            "attention" => Ok(Self::Attention),
            "all" => Ok(Self::All),
            _ => {
                let hint = "; there are: states, mlp, attention, all".to_owned();
                Err(Error::Unknown { what: "kind of trace", name: text.to_owned(), hint })
            }
        }
    }
}

/// The options of [`trace`]: the flags of `intervene trace`, which its `--help` explains.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the fields are the flags of the program")]
pub struct TraceOptions {
    pub model: ModelChoice,
    pub prompt: String,
    pub subject: String,
    pub answer: Option<String>,
    pub samples: usize,
    pub noise: f64,
    pub window: usize,
    pub kind: TraceKind,
    pub seed: u64,
    pub out: Option<PathBuf>,
}

/// The result of [`trace`](super::trace()).
#[derive(Clone, Debug)]
pub struct Traced {
    /// The token whose probability is measured.
    pub answer: String,
    /// Its probability in the clean run, and its mean probability in the corrupted runs.
    pub probabilities: (f64, f64),
    /// The standard deviation of the noise.
    pub noise: f64,
    /// The mean probability for each restored layer (row) and position (column).
    pub heatmaps: Vec<Heatmap>,
}

/// The part of the file's name, the component, and whether a window of layers is restored.
type TracedModule = (&'static str, Component, bool);

impl TraceKind {
    const fn parts(self) -> &'static [TracedModule] {
        const STATES: TracedModule = ("states", Component::BlockOutput, false);
        const MLP: TracedModule = ("mlp", Component::MlpOutput, true);
        const ATTENTION: TracedModule = ("attention", Component::AttentionOutput, true);
        match self {
            Self::States => &[STATES],
            Self::Mlp => &[MLP],
            Self::Attention => &[ATTENTION],
            Self::All => &[STATES, MLP, ATTENTION],
        }
    }
}

/// Causal tracing (Meng et al. 2022, arXiv 2202.05262): noise is added to the subject's embeddings, `e + ν`,
/// `ν ~ N(0, s²)`, and then the clean run's activations at one position are restored: the state after one layer, or the
/// outputs of the MLPs or attentions of a window of layers, from `layer - ⌊w/2⌋` to before `layer + ⌈w/2⌉`. Measures the
/// probability of the answer, averaged over the noise samples.
///
/// `s` is a multiple of the standard deviation of the vocabulary's embeddings: the root mean square of the columns'
/// standard deviations. A seed gives the same noise on every device.
pub fn trace(options: &TraceOptions, observer: &mut dyn Observer) -> Result<Traced, Error> {
    if options.samples == 0 || options.window == 0 || !(options.noise > 0.0 && options.noise.is_finite()) {
        return Err(Error::Invalid("--samples and --window must be at least 1, --noise a number above 0".to_owned()));
    }
    let opened = OpenedModel::open(&options.model, observer)?;
    let prompt = opened.text(&options.prompt)?;
    let subject = prompt.positions(&options.subject, 0)?;
    let named_answer = options.answer.as_ref().map(|text| opened.tokenizer()?.single(text)).transpose()?;
    let model = &opened.model;
    let (layers, tokens) = (model.n_layers(), prompt.len());

    let embeddings = model.embed(opened.tokens(&[prompt.tokens()]), &Context::full(1, tokens));
    let parts = options.kind.parts();
    let mut clean: Vec<Vec<Tensor<3>>> = vec![Vec::new(); parts.len()];
    let mut record = |site: Site, activation: Tensor<3>| {
        for ((_, component, _), activations) in parts.iter().zip(&mut clean) {
            if site.component == *component {
                activations.push(activation.clone());
            }
        }
        activation
    };
    let (_, hidden) = RecordedRun::new(model, embeddings.clone(), &mut record);
    let after = probabilities(model.unembed(hidden.narrow(1, tokens - 1, 1)).squeeze_dim(1));
    let answer = named_answer.unwrap_or_else(|| likeliest(&after));
    let p_clean = f64::from(after[answer as usize]);

    let noise = options.noise * deviation(&opened);
    let corrupted = corrupt(embeddings, subject.clone(), noise, options)?;
    let (recorded, hidden) = RecordedRun::new(model, corrupted, &mut ());
    let answers = p_answer(model.unembed(hidden.narrow(1, tokens - 1, 1)).squeeze_dim(1), answer);
    let p_corrupted = answers.iter().sum::<f64>() / answers.len() as f64;

    let corrupted = Corrupted { opened: &opened, recorded, subject, answer, mean: p_corrupted, options };
    observer.begin("trace", parts.len() * layers);
    let mut heatmaps = Vec::new();
    for (part, (kind, clean)) in parts.iter().zip(&clean).enumerate() {
        let values = corrupted.restored(kind, clean, &mut |layer| observer.advance(part * layers + layer + 1))?;
        let (name, component, windowed) = kind;
        let title = if *windowed {
            format!("p(answer) with {} layers of {component} restored", options.window)
        } else {
            format!("p(answer) with {component} restored")
        };
        let highest = values.iter().flatten().flatten().copied().fold(p_clean, f64::max);
        let heatmap = Heatmap {
            title,
            column_axis: "restored position".to_owned(),
            columns: columns(&opened, &prompt, &corrupted.subject),
            range: (p_corrupted.min(p_clean), highest),
            ..by_layer(values)
        };
        write_heatmap(&heatmap, options.out.as_deref(), &format!("trace_{name}"))?;
        heatmaps.push(heatmap);
    }
    observer.end();
    Ok(Traced { answer: opened.token(answer), probabilities: (p_clean, p_corrupted), noise, heatmaps })
}

/// The corrupted runs, one for each noise sample.
struct Corrupted<'a> {
    opened: &'a OpenedModel,
    recorded: RecordedRun,
    subject: Range<usize>,
    answer: u32,
    /// The mean probability of the answer.
    mean: f64,
    options: &'a TraceOptions,
}

impl Corrupted<'_> {
    /// The mean probability of the answer for each layer and position that is restored from `clean[layer]`.
    fn restored(
        &self,
        (_, component, windowed): &TracedModule,
        clean: &[Tensor<3>],
        done: &mut dyn FnMut(usize),
    ) -> Result<Vec<Vec<Option<f64>>>, Error> {
        let (layers, tokens) = (clean.len(), self.recorded.tokens());
        let TraceOptions { samples, window, .. } = *self.options;
        let mut values = Vec::with_capacity(layers);
        for layer in 0..layers {
            let restored = if *windowed {
                layer.saturating_sub(window / 2)..layers.min(layer + window.div_ceil(2))
            } else {
                layer..layer + 1
            };
            // Positions before the subject are not corrupted, so restoring them changes nothing.
            let mut row = vec![Some(self.mean); tokens];
            let mut sums = vec![0.0; tokens];
            let starts = (self.subject.start..tokens)
                .flat_map(|position| (0..samples).map(move |example| TailStart { example, position }));
            for starts in tails::batches(starts.collect(), tokens, |start| start.position) {
                let positions: Vec<usize> = starts.iter().map(|start| start.position).collect();
                let restore = |layer: usize| restoring(&clean[layer], component.at(layer), &positions);
                let mut patches = restored.clone().map(restore).collect::<Result<Vec<Patch<'_>>, Error>>()?;
                let mut tap = |site: Site, x: Tensor<3>| patches.iter_mut().fold(x, |x, patch| patch.visit(site, x));
                let logits = self.recorded.logits_from(&self.opened.model, restored.start, &starts, &mut tap)?;
                patches.into_iter().try_for_each(Patch::finish)?;
                starts.iter().zip(p_answer(logits, self.answer)).for_each(|(start, p)| sums[start.position] += p);
            }
            for position in self.subject.start..tokens {
                row[position] = Some(sums[position] / samples as f64);
            }
            values.push(row);
            done(layer);
        }
        Ok(values)
    }
}

/// A patch that replaces the first row of each tail by the clean run's row at the tail's first position.
fn restoring(clean: &Tensor<3>, site: Site, positions: &[usize]) -> Result<Patch<'static>, Error> {
    let [_, _, width] = clean.dims();
    let rows = Rows::positions(vec![positions.to_vec()])?.gather(clean.clone());
    let rows = rows.reshape([positions.len(), 1, width]).cast(DType::F32);
    Ok(Patch::new(site, Rows::same(positions.len(), &[0])?, move |_| rows.clone()))
}

/// Repeats the embeddings for each sample and adds noise at the subject. # Shapes: `[1, seq, d_model]` to `[samples, seq, d_model]`
fn corrupt(
    embeddings: Tensor<3>,
    subject: Range<usize>,
    noise: f64,
    options: &TraceOptions,
) -> Result<Tensor<3>, Error> {
    let [_, _, width] = embeddings.dims();
    let mut random = ChaCha8Rng::seed_from_u64(options.seed);
    let shape = [options.samples, subject.len(), width];
    let samples = gaussian(shape.iter().product(), &mut random);
    let samples = TensorData::new(samples.into_iter().map(|x| (x * noise) as f32).collect::<Vec<_>>(), shape);
    let dtype = embeddings.dtype();
    let samples = Tensor::<3>::from_data(samples, (&embeddings.device(), DType::F32)).cast(dtype);
    let embeddings = embeddings.repeat_dim(0, options.samples);
    let rows = Rows::same(options.samples, &subject.collect::<Vec<_>>())?;
    Ok(rows.scatter(embeddings.clone(), rows.gather(embeddings) + samples))
}

/// The root mean square of the standard deviations of the columns of the vocabulary's embeddings. Learned position
/// embeddings are the same for all tokens, so they do not contribute.
fn deviation(opened: &OpenedModel) -> f64 {
    const CHUNK: u32 = 4096;
    let model = &opened.model;
    let vocabulary = model.vocab_size() as u32;
    let embed = |tokens: Vec<u32>| {
        let prompts: Vec<&[u32]> = tokens.chunks_exact(1).collect();
        let embedded = model.embed(opened.tokens(&prompts), &Context::full(prompts.len(), 1));
        embedded.cast(DType::F32) // [tokens, 1, d_model]
    };
    let reference = embed(vec![0]);
    let [_, _, width] = reference.dims();
    let (mut sums, mut squares) = (vec![0.0; width], vec![0.0; width]);
    let add = |to: &mut Vec<f64>, rows: Tensor<3>| {
        let sums = rows.sum_dim(0).into_data();
        to.iter_mut().zip(sums.iter::<f64>()).for_each(|(to, sum)| *to += sum);
    };
    for first in (0..vocabulary).step_by(CHUNK as usize) {
        let rows = embed((first..vocabulary.min(first + CHUNK)).collect()) - reference.clone();
        add(&mut sums, rows.clone());
        add(&mut squares, rows.clone() * rows);
    }
    let n = f64::from(vocabulary);
    let variance = sums.iter().zip(&squares).map(|(sum, square)| square / n - (sum / n).powi(2)).sum::<f64>();
    (variance / width as f64).max(0.0).sqrt()
}

/// The probability of the answer in each run. # Shapes: `[batch, classes]`
fn p_answer(logits: Tensor<2>, answer: u32) -> Vec<f64> {
    let [_, classes] = logits.dims();
    probabilities(logits).chunks_exact(classes).map(|row| f64::from(row[answer as usize])).collect()
}

/// # Shapes: `[batch, classes]`
fn probabilities(logits: Tensor<2>) -> Vec<f32> {
    activation::softmax(logits.cast(DType::F32), 1).into_data().iter::<f32>().collect()
}

fn columns(opened: &OpenedModel, prompt: &Tokenised, subject: &Range<usize>) -> Vec<String> {
    let name = |(at, token): (usize, &u32)| {
        let mark = if subject.contains(&at) { "*" } else { "" };
        format!("{at} {}{mark}", label(&opened.token(*token)))
    };
    prompt.tokens().iter().enumerate().map(name).collect()
}
