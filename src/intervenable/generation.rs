//! Interventions while text is generated.

use burn::tensor::Tensor;
use serde::Deserialize;

use super::edit::EditTap;
use super::input::RunInput;
use super::plan::EditedRun;
use super::{Intervenable, Placement};
use crate::error::Error;
use crate::models::Generation;

/// The steps of a generation that are edited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum During {
    /// The step that reads the prompt.
    #[default]
    Prompt,
    /// The steps that read one generated token each. A placement's positions then all stand for that token.
    Generated,
    /// All steps.
    Both,
}

/// The result of [`Intervenable::generate`].
#[derive(Clone, Debug)]
pub struct Generated {
    /// The tokens after each prompt.
    pub outputs: Vec<Vec<u32>>,
    /// The rows that the collecting representations read, step by step: `[step][representation]`, each `[batch, units, width]`.
    pub collected: Vec<Vec<Tensor<3>>>,
}

impl Intervenable<'_> {
    /// Runs a generation to its end, edited on the prompt, on every generated token, or on both. `observe` is called with
    /// each step's tokens, one per example (`None` for an example that has ended).
    ///
    /// `generation` must be of this model and must not have taken a step. The sources are run once, before the first step.
    pub fn generate(
        &self,
        mut generation: Generation<'_>,
        during: During,
        sources: &[Option<RunInput>],
        placements: &[Option<Placement>],
        observe: &mut dyn FnMut(&[Option<u32>]),
    ) -> Result<Generated, Error> {
        let prompt = EditedRun { lengths: generation.lengths().to_vec(), device: generation.device().clone() };
        let token = EditedRun { lengths: vec![1; prompt.lengths.len()], ..prompt.clone() };
        let token_placements: Vec<Option<Placement>> = placements
            .iter()
            .map(|placement| {
                placement.as_ref().map(|placement| Placement {
                    base: placement.base.for_one_token(),
                    // The source is not generated, so its units do not change.
                    source: Some(placement.source.clone().unwrap_or_else(|| placement.base.clone())),
                    subspace: placement.subspace.clone(),
                })
            })
            .collect();
        // The checks and the sources' runs come before the first token.
        let (mut on_prompt, _) = match during {
            During::Generated => (Vec::new(), Vec::new()),
            _ => self.ready(&prompt, sources, placements)?,
        };
        let (mut on_tokens, _) = match during {
            During::Prompt => (Vec::new(), Vec::new()),
            _ => self.ready(&token, sources, &token_placements)?,
        };

        let mut collected = Vec::new();
        let mut first = true;
        loop {
            let edits = if first { &mut on_prompt } else { &mut on_tokens };
            let mut tap = EditTap::new(edits);
            let Some(tokens) = generation.step(&mut tap)? else { break };
            tap.finish()?;
            collected.push(edits.iter_mut().filter_map(|edit| edit.collected.take()).collect());
            observe(&tokens);
            first = false;
        }
        Ok(Generated { outputs: generation.outputs().to_vec(), collected })
    }
}
