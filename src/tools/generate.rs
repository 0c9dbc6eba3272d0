//! `intervene generate`: generates text after a prompt, token by token.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::prepared::Prepared;
use super::spec::Spec;
use super::{ModelChoice, OpenedModel};
use crate::data::{self, InputPrompt, TokenStream, Tokenised};
use crate::error::Error;
use crate::models::{GenerateOptions, Generation, Sampling};
use crate::report::Observer;
use crate::{files, intervenable};

/// The options of [`generate`]: the flags of `intervene generate`, which its `--help` explains.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the fields are the flags of the program")]
pub struct GenerateArguments {
    pub model: ModelChoice,
    pub prompt: String,
    pub max_new_tokens: usize,
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
    pub seed: Option<u64>,
    pub with: Option<PathBuf>,
    pub coefficient: Option<f64>,
    pub at: Option<data::Positions>,
    pub source_at: Option<data::Positions>,
    pub source: Vec<String>,
}

/// Generates text after a prompt and writes it to `out`: each piece as soon as its characters are complete, and a newline
/// at the end.
///
/// The generation ends at the model's end-of-text token, which is not written, or after `max_new_tokens`.
pub fn generate(arguments: &GenerateArguments, out: &mut dyn Write, observer: &mut dyn Observer) -> Result<(), Error> {
    let sampling = sampling(arguments)?;
    let mut spec = arguments.with.as_deref().map(|spec| Spec::open(spec, observer)).transpose()?;
    if let (Some(spec), Some(coefficient)) = (&mut spec, arguments.coefficient) {
        spec.scale(coefficient)?;
    }
    let opened = OpenedModel::open(&arguments.model, observer)?;
    let prepared = spec.map(|spec| Prepared::new(spec, &opened)).transpose()?;
    let prompt = opened.text(&arguments.prompt)?;
    let stop = end_tokens(&opened.folder)?;
    let ends = stop.clone();
    let options = GenerateOptions { max_new_tokens: arguments.max_new_tokens, sampling, stop };
    let prompts = [prompt.tokens().to_vec()];
    let mut generation = Generation::new(&opened.model, &prompts, options, &opened.device)?;
    let mut text = TokenStream::after(prompt.tokens(), opened.tokenizer()?);
    let mut outcome = Ok(());
    let mut observe = |tokens: &[Option<u32>]| {
        for token in tokens.iter().flatten().filter(|token| !ends.contains(token)) {
            if outcome.is_ok() {
                outcome = text.push(*token).and_then(|piece| show(out, &piece));
            }
        }
    };
    match &prepared {
        None => {
            while let Some(tokens) = generation.step(&mut ())? {
                observe(&tokens);
            }
        }
        Some(prepared) => intervened(&opened, prepared, arguments, &prompt, generation, &mut observe)?,
    }
    outcome?;
    let rest = text.finish()?;
    show(out, &format!("{rest}\n"))
}

fn intervened(
    opened: &OpenedModel,
    prepared: &Prepared,
    arguments: &GenerateArguments,
    prompt: &Tokenised,
    generation: Generation<'_>,
    observe: &mut dyn FnMut(&[Option<u32>]),
) -> Result<(), Error> {
    let sources = arguments.source.iter().map(|text| opened.text(text)).collect::<Result<Vec<_>, _>>()?;
    let base = InputPrompt::Text(arguments.prompt.clone());
    let (positions, source_positions) = (arguments.at.clone(), arguments.source_at.clone());
    let line = data::InputLine { base, sources: vec![], positions, source_positions, subspaces: vec![] };
    let locations = prepared.locations(&line, prompt, &sources)?;
    let input = |source: &Tokenised| {
        intervenable::RunInput::tokens(&opened.model, &[source.tokens().to_vec()], &opened.device).map(Some)
    };
    let sources = sources.iter().map(input).collect::<Result<Vec<_>, _>>()?;
    let placements = prepared.placements(&[&locations]);
    prepared.intervenable(opened)?.generate(generation, prepared.spec.during, &sources, &placements, observe)?;
    Ok(())
}

fn show(out: &mut dyn Write, text: &str) -> Result<(), Error> {
    let shown = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    shown.map_err(|error| Error::Invalid(format!("cannot write the text: {error}")))
}

fn sampling(arguments: &GenerateArguments) -> Result<Sampling, Error> {
    let GenerateArguments { temperature, top_p, seed, .. } = *arguments;
    match temperature {
        Some(temperature) => Ok(Sampling::Random { temperature, top_p: top_p.unwrap_or(1.0), seed: seed.unwrap_or(0) }),
        None if top_p.is_some() || seed.is_some() => {
            Err(Error::Invalid("--top-p and --seed need a --temperature; 1 keeps the model's probabilities".to_owned()))
        }
        None => Ok(Sampling::Greedy),
    }
}

#[derive(Deserialize, Default)]
struct EndTokens {
    #[serde(default)]
    eos_token_id: Option<OneOrMany>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(u32),
    Many(Vec<u32>),
}

/// The end-of-text tokens: those of generation_config.json, or else those of config.json.
fn end_tokens(folder: &Path) -> Result<Vec<u32>, Error> {
    for name in ["generation_config.json", "config.json"] {
        let path = folder.join(name);
        if !path.is_file() {
            continue;
        }
        match files::read_json::<EndTokens>(&path)?.eos_token_id {
            Some(OneOrMany::One(token)) => return Ok(vec![token]),
            Some(OneOrMany::Many(tokens)) => return Ok(tokens),
            None => {}
        }
    }
    Ok(Vec::new())
}
