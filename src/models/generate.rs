//! Greedy and sampled generation, token by token, past a tap.

use burn::tensor::{Device, Int, Tensor, TensorData};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::context::Context;
use super::memory::PADDING;
use super::model::LanguageModel;
use crate::error::Error;
use crate::tap::{Rows, Tap};

/// The rule that chooses the next token.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Sampling {
    /// The most likely token.
    #[default]
    Greedy,
    /// A random token, drawn from the predicted distribution.
    Random {
        /// Divides the logits: a value below 1 sharpens the distribution, a value above 1 flattens it.
        temperature: f64,
        /// Only the most likely tokens whose probabilities sum up to this are drawn (1 for all tokens).
        top_p: f64,
        /// The same seed draws the same tokens, on every device and in every batch.
        seed: u64,
    },
}

/// The length of a generation and the choice of its tokens.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GenerateOptions {
    /// The largest number of tokens after the prompt.
    pub max_new_tokens: usize,
    /// The rule that chooses the next token.
    pub sampling: Sampling,
    /// The tokens that end an example; the token itself is part of the output.
    pub stop: Vec<u32>,
}

/// A batch of generations in progress. Keys and values are stored, so every step after the first runs one token.
///
/// Prompts of different lengths are padded on the right. Each step may have its own tap: the tap of the first step visits
/// the prompt, `[batch, longest prompt, width]`, that of a later step the last generated token, `[batch, 1, width]`.
///
/// ```
/// use burn::tensor::Device;
/// use intervene::models::{Dtype, GenerateOptions, Generation, Pretrained};
///
/// let device = Device::flex();
/// let model = Pretrained::load("tests/fixtures/pyvene/llama".as_ref(), Dtype::F32, &device)?;
/// let options = GenerateOptions { max_new_tokens: 5, ..Default::default() };
/// let mut generation = Generation::new(&model, &[vec![5, 9, 2], vec![7]], options, &device)?;
/// while let Some(tokens) = generation.step(&mut ())? {
///     assert_eq!(tokens.len(), 2);
/// }
/// assert_eq!(generation.outputs().iter().map(Vec::len).collect::<Vec<_>>(), [5, 5]);
/// # Ok::<(), intervene::Error>(())
/// ```
pub struct Generation<'a> {
    model: &'a dyn LanguageModel,
    options: GenerateOptions,
    context: Context,
    /// The input of the next step.
    tokens: Tensor<2, Int>,
    /// The index of each example's last token in `tokens`.
    last: Vec<usize>,
    lengths: Vec<usize>,
    outputs: Vec<Vec<u32>>,
    ended: Vec<bool>,
    random: Vec<ChaCha8Rng>,
    device: Device,
}

impl<'a> Generation<'a> {
    /// A generation from the given prompts; nothing is run yet.
    pub fn new(
        model: &'a dyn LanguageModel,
        prompts: &[Vec<u32>],
        options: GenerateOptions,
        device: &Device,
    ) -> Result<Self, Error> {
        check(model, prompts, &options)?;
        let (tokens, lengths) = pad(prompts, device);
        let seed = if let Sampling::Random { seed, .. } = options.sampling { seed } else { 0 };
        let random = |example: usize| {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            random.set_stream(example as u64);
            random
        };
        Ok(Self {
            model,
            options,
            context: Context::of_lengths(&lengths).keeping(),
            tokens,
            last: lengths.iter().map(|length| length - 1).collect(),
            outputs: vec![Vec::new(); lengths.len()],
            ended: vec![false; lengths.len()],
            random: (0..lengths.len()).map(random).collect(),
            lengths,
            device: device.clone(),
        })
    }

    /// The number of tokens of each prompt.
    #[must_use]
    pub fn lengths(&self) -> &[usize] {
        &self.lengths
    }

    /// The device of the inputs.
    #[must_use]
    pub const fn device(&self) -> &Device {
        &self.device
    }

    /// The number of tokens generated so far; 0 if the next step runs the prompt.
    #[must_use]
    pub fn generated(&self) -> usize {
        self.outputs.iter().map(Vec::len).max().unwrap_or(0)
    }

    /// The tokens generated so far after each prompt.
    #[must_use]
    pub fn outputs(&self) -> &[Vec<u32>] {
        &self.outputs
    }

    /// Runs the prompt or the last generated token past the tap and chooses the next token of each example: `None` for an
    /// example that has ended. Returns `None` once every example has ended or `max_new_tokens` are generated.
    pub fn step(&mut self, tap: &mut dyn Tap) -> Result<Option<Vec<Option<u32>>>, Error> {
        let step = self.generated();
        if step == self.options.max_new_tokens || self.ended.iter().all(|ended| *ended) {
            return Ok(None);
        }
        let hidden = self.model.embed(self.tokens.clone(), &self.context);
        let hidden = self.model.layers(hidden, 0..self.model.n_layers(), &mut self.context, tap);
        let last = Rows::positions(self.last.iter().map(|last| vec![*last]).collect())?;
        let logits = self.model.unembed(last.gather(hidden)); // [batch, 1, vocabulary]
        let logits: Vec<f32> = logits.into_data().iter::<f32>().collect();

        let mut chosen = Vec::with_capacity(self.lengths.len());
        for (example, logits) in logits.chunks_exact(self.model.vocab_size()).enumerate() {
            if self.ended[example] {
                chosen.push(None);
                continue;
            }
            let token = choose(logits, self.options.sampling, &mut self.random[example])?;
            self.outputs[example].push(token);
            self.ended[example] = self.options.stop.contains(&token);
            chosen.push(Some(token));
        }
        let next: Vec<i64> = chosen.iter().map(|token| token.map_or(0, i64::from)).collect();
        self.tokens = Tensor::from_data(TensorData::new(next, [chosen.len(), 1]), &self.device);
        self.last.fill(0);
        let positions = chosen.iter().zip(&self.lengths);
        let positions =
            positions.map(|(token, length)| vec![token.map_or(PADDING, |_| (length + step) as i64)]).collect();
        self.context.advance(positions);
        Ok(Some(chosen))
    }

    /// Runs all remaining steps past the same tap; returns the tokens after each prompt.
    pub fn finish(mut self, tap: &mut dyn Tap) -> Result<Vec<Vec<u32>>, Error> {
        while self.step(tap)?.is_some() {}
        Ok(self.outputs)
    }
}

/// An error for an empty prompt, a token outside the vocabulary, or more positions than the model has.
pub(crate) fn check_tokens(model: &dyn LanguageModel, prompts: &[Vec<u32>], new: usize) -> Result<(), Error> {
    if prompts.is_empty() || prompts.iter().any(Vec::is_empty) {
        return Err(Error::Invalid("an empty prompt: at least one token is needed".to_owned()));
    }
    let vocabulary = model.vocab_size();
    if let Some(token) = prompts.iter().flatten().find(|token| **token as usize >= vocabulary) {
        return Err(Error::Invalid(format!("token {token} is not in the vocabulary of {vocabulary}")));
    }
    let longest = prompts.iter().map(Vec::len).max().unwrap_or(0) + new;
    if let Some(most) = model.max_positions().filter(|most| longest > *most) {
        return Err(Error::Invalid(format!(
            "{longest} tokens are more than the model's {most} positions: use a shorter prompt or fewer new tokens"
        )));
    }
    Ok(())
}

/// The prompts as one tensor, `[batch, longest]`, padded on the right with token 0, and their lengths.
pub(crate) fn pad(prompts: &[Vec<u32>], device: &Device) -> (Tensor<2, Int>, Vec<usize>) {
    let lengths: Vec<usize> = prompts.iter().map(Vec::len).collect();
    let longest = lengths.iter().copied().max().unwrap_or(0);
    let padded = prompts.iter().flat_map(|prompt| {
        let padding = longest - prompt.len();
        prompt.iter().map(|token| i64::from(*token)).chain(std::iter::repeat_n(0, padding))
    });
    let data = TensorData::new(padded.collect(), [prompts.len(), longest]);
    (Tensor::from_data(data, device), lengths)
}

fn check(model: &dyn LanguageModel, prompts: &[Vec<u32>], options: &GenerateOptions) -> Result<(), Error> {
    check_tokens(model, prompts, options.max_new_tokens.saturating_sub(1))?;
    if let Sampling::Random { temperature, top_p, .. } = options.sampling
        && !(temperature > 0.0 && top_p > 0.0 && top_p <= 1.0)
    {
        return Err(Error::Invalid(format!(
            "temperature {temperature} and top_p {top_p}: the temperature must be positive, top_p positive and at most 1"
        )));
    }
    Ok(())
}

fn choose(logits: &[f32], sampling: Sampling, random: &mut ChaCha8Rng) -> Result<u32, Error> {
    if logits.iter().any(|logit| logit.is_nan()) {
        return Err(Error::Invalid("a logit is NaN: an intervention produced NaN".to_owned()));
    }
    // The first of equal logits is chosen, as in PyTorch.
    let best = (0..logits.len()).reduce(|best, i| if logits[i] > logits[best] { i } else { best }).unwrap_or(0);
    let Sampling::Random { temperature, top_p, .. } = sampling else {
        return Ok(best as u32);
    };
    let weight = |i: usize| (f64::from(logits[i] - logits[best]) / temperature).exp();
    let mut candidates: Vec<(usize, f64)> = (0..logits.len()).map(|i| (i, weight(i))).collect();
    candidates.sort_by(|a, b| b.1.total_cmp(&a.1));
    let total: f64 = candidates.iter().map(|(_, weight)| weight).sum();
    let mut sum = 0.0;
    let enough = candidates.iter().position(|(_, weight)| {
        sum += weight;
        sum >= top_p * total
    });
    candidates.truncate(enough.map_or(candidates.len(), |last| last + 1));

    let mut remaining = random.random::<f64>() * candidates.iter().map(|(_, weight)| weight).sum::<f64>();
    for (token, weight) in &candidates {
        remaining -= weight;
        if remaining < 0.0 {
            return Ok(*token as u32);
        }
    }
    Ok(best as u32)
}
