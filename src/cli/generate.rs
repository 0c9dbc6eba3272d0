//! `generate`: goes on with a prompt.

use std::path::PathBuf;

use super::console::Console;
use super::model_args::ModelArgs;
use crate::data::Positions;
use crate::error::Error;
use crate::tools::{self, GenerateArguments};

#[derive(clap::Args)]
pub struct GenerateArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// The prompt.
    #[arg(long, value_name = "TEXT")]
    prompt: String,
    /// The largest number of generated tokens.
    #[arg(long, default_value_t = 50)]
    max_new_tokens: usize,
    /// Sample the tokens at this temperature; without it the most probable token is taken.
    #[arg(long)]
    temperature: Option<f64>,
    /// Sample only from the most probable tokens, whose probabilities sum up to this.
    #[arg(long)]
    top_p: Option<f64>,
    /// The seed of the sampling.
    #[arg(long)]
    seed: Option<u64>,
    /// Interventions: a specification as for `apply`, an intervention's folder or its repository on the Hub, or a file of
    /// directions from `collect`.
    #[arg(long, value_name = "SPEC_OR_RUN")]
    with: Option<PathBuf>,
    /// The factor of the directions and other constants of `--with`.
    #[arg(long, value_name = "NUMBER", requires = "with", allow_hyphen_values = true)]
    coefficient: Option<f64>,
    /// The tokens of the prompt that are edited, if `--with` names none: `all`, `last`, `3`, `text:John`.
    #[arg(long, value_name = "POSITIONS", requires = "with")]
    at: Option<Positions>,
    /// The tokens of the sources that are read; the same positions by default.
    #[arg(long, value_name = "POSITIONS", requires = "with")]
    source_at: Option<Positions>,
    /// A source of the interventions; repeat the option for each source.
    #[arg(long, value_name = "TEXT", requires = "with")]
    source: Vec<String>,
}

impl GenerateArgs {
    pub fn run(self) -> Result<(), Error> {
        let Self { model, prompt, max_new_tokens, temperature, top_p, seed, with, coefficient, at, source_at, source } =
            self;
        let arguments = GenerateArguments {
            model: model.into(),
            prompt,
            max_new_tokens,
            temperature,
            top_p,
            seed,
            with,
            coefficient,
            at,
            source_at,
            source,
        };
        tools::generate(&arguments, &mut std::io::stdout(), &mut Console::default())
    }
}
