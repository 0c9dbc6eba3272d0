//! Which pairs a model solves without an intervention.

use burn::tensor::Device;

use super::padded;
use crate::data::{Pair, Prompt};
use crate::error::Error;
use crate::models::LanguageModel;
use crate::tap::Rows;

const BATCH: usize = 16;

/// Whether the model gives the right answer of each pair's base and every source, as far as the answers are known.
pub fn solved(model: &dyn LanguageModel, pairs: &[Pair], device: &Device) -> Result<Vec<bool>, Error> {
    let mut known: Vec<(usize, &Prompt, u32)> = Vec::new();
    for (at, pair) in pairs.iter().enumerate() {
        let sources = pair.sources.iter().map(|(_, prompt)| prompt).zip(&pair.source_answers);
        for (prompt, answer) in std::iter::once((&pair.base, &pair.base_answer)).chain(sources) {
            known.extend(answer.map(|answer| (at, prompt, answer)));
        }
    }
    // Prompts of one length pad nothing.
    known.sort_by_key(|(_, prompt, _)| prompt.tokens.len());
    let mut solved = vec![true; pairs.len()];
    for batch in known.chunks(BATCH) {
        let prompts: Vec<&[u32]> = batch.iter().map(|(_, prompt, _)| &prompt.tokens[..]).collect();
        let (tokens, mut context) = padded(&prompts, device);
        let hidden = model.embed(tokens, &context);
        let hidden = model.layers(hidden, 0..model.n_layers(), &mut context, &mut ());
        let last = Rows::positions(prompts.iter().map(|prompt| vec![prompt.len() - 1]).collect())?;
        let said = model.unembed(last.gather(hidden)).argmax(2).into_data();
        for ((at, _, answer), said) in batch.iter().zip(said.iter::<i64>()) {
            solved[*at] &= said == i64::from(*answer);
        }
    }
    Ok(solved)
}
