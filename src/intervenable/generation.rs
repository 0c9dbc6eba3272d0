//! Interventions while text is generated.

use burn::tensor::Tensor;

use super::edit::Edits;
use super::input::Input;
use super::plan::Target;
use super::{Intervenable, Placement};
use crate::error::Error;
use crate::models::Generation;

/// When a generation is edited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum During {
    /// While the prompt is read.
    #[default]
    Prompt,
    /// At every token that was generated, once it is read; a placement's positions are then that token.
    Generated,
    /// Both.
    Both,
}

/// What came out of a generation.
#[derive(Clone, Debug)]
pub struct Generated {
    /// The tokens after each prompt.
    pub outputs: Vec<Vec<u32>>,
    /// What the collecting representations read, step by step: `[step][representation]`, each `[batch, units, width]`.
    pub collected: Vec<Vec<Tensor<3>>>,
}

impl Intervenable<'_> {
    /// Lets a generation run to its end, edited on the prompt, on every generated token, or on both; `observe` is told
    /// each step's tokens (`None` for an example that has ended).
    ///
    /// `generation` is one of this model, at its beginning. The sources are run once, before it.
    pub fn generate(
        &self,
        mut generation: Generation<'_>,
        during: During,
        sources: &[Option<Input>],
        placements: &[Option<Placement>],
        observe: &mut dyn FnMut(&[Option<u32>]),
    ) -> Result<Generated, Error> {
        let prompt = Target { lengths: generation.lengths().to_vec(), device: generation.device().clone() };
        let token = Target { lengths: vec![1; prompt.lengths.len()], ..prompt.clone() };
        let of_one_token: Vec<Option<Placement>> = placements
            .iter()
            .map(|placement| {
                placement.as_ref().map(|placement| Placement {
                    base: placement.base.of_one_token(),
                    // The source's units stay where they are.
                    source: Some(placement.source.clone().unwrap_or_else(|| placement.base.clone())),
                    subspace: placement.subspace.clone(),
                })
            })
            .collect();
        // Checked, and the sources run, before the first token.
        let (mut on_prompt, _) = match during {
            During::Generated => (Vec::new(), Vec::new()),
            _ => self.ready(&prompt, sources, placements)?,
        };
        let (mut on_tokens, _) = match during {
            During::Prompt => (Vec::new(), Vec::new()),
            _ => self.ready(&token, sources, &of_one_token)?,
        };

        let mut collected = Vec::new();
        let mut first = true;
        loop {
            let edits = if first { &mut on_prompt } else { &mut on_tokens };
            let mut tap = Edits::new(edits);
            let Some(tokens) = generation.step(&mut tap)? else { break };
            tap.finish()?;
            collected.push(edits.iter_mut().filter_map(|edit| edit.collected.take()).collect());
            observe(&tokens);
            first = false;
        }
        Ok(Generated { outputs: generation.outputs().to_vec(), collected })
    }
}
