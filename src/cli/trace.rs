//! `trace`: causal tracing.

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use super::console::Console;
use super::ink::ink;
use super::model_args::ModelArgs;
use crate::error::Error;
use crate::tools::{self, TraceKind, TraceOptions, Traced};

#[derive(clap::Args)]
pub struct TraceArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// The prompt, without the answer.
    #[arg(long, value_name = "TEXT")]
    prompt: String,
    /// The part of the prompt whose embeddings are noised.
    #[arg(long, value_name = "TEXT")]
    subject: String,
    /// The correct answer, with its leading space; by default the model's most probable next token.
    #[arg(long, value_name = "TEXT")]
    answer: Option<String>,
    /// The number of noise samples.
    #[arg(long, default_value_t = 10)]
    samples: usize,
    /// The standard deviation of the noise, as a multiple of the embeddings' standard deviation.
    #[arg(long, default_value_t = 3.0)]
    noise: f64,
    /// The number of layers whose MLPs or attentions are restored together.
    #[arg(long, default_value_t = 10)]
    window: usize,
    /// The activations that are restored.
    #[arg(long, default_value = "all", value_parser = kinds())]
    kind: TraceKind,
    /// The seed of the noise.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The folder for trace_states, trace_mlp and trace_attention, each as .png and .csv; without it no files are written.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Show no progress.
    #[arg(long)]
    quiet: bool,
}

impl TraceArgs {
    pub fn run(self) -> Result<(), Error> {
        let Self { model, prompt, subject, answer, samples, noise, window, kind, seed, out, quiet } = self;
        let options =
            TraceOptions { model: model.into(), prompt, subject, answer, samples, noise, window, kind, seed, out };
        print!("{}", text(&tools::trace(&options, Console::observer(quiet).as_mut())?));
        Ok(())
    }
}

fn kinds() -> impl TypedValueParser<Value = TraceKind> {
    let names = [
        PossibleValue::new("states").help("The state after one layer"),
        PossibleValue::new("mlp").help("The outputs of a window of MLPs"),
        PossibleValue::new("attention").help("The outputs of a window of attentions"),
        PossibleValue::new("all").help("All three, one after the other"),
    ];
    PossibleValuesParser::new(names).try_map(|name| name.parse())
}

fn text(traced: &Traced) -> String {
    let (clean, corrupted) = traced.probabilities;
    let maps: Vec<String> = traced.heatmaps.iter().map(|map| map.text(ink())).collect();
    format!(
        "probability of `{}`: {clean:.4} clean, {corrupted:.4} corrupted (noise {:.4}); * marks the subject\n\n{}",
        traced.answer,
        traced.noise,
        maps.join("\n")
    )
}
