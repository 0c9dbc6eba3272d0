//! Pairs of prompts, as tokens.

use std::sync::Arc;

/// A prompt's tokens, and the positions on which interventions act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// The tokens, without padding; shared by the pairs that are the same but for their positions.
    pub tokens: Arc<[u32]>,
    /// The positions that an intervention reads or writes, counted from 0.
    pub positions: Vec<usize>,
}

/// One interchange: the base's rows are replaced with rows of the sources; the label is the causal model's
/// counterfactual answer after the base's last token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The prompt that is intervened on.
    pub base: Prompt,
    /// For each swapped variable, its index in the task and the prompt that supplies its value.
    pub sources: Vec<(usize, Prompt)>,
    /// The answer's tokens; the last one follows the base's last token. There is one, except in a completion, where the
    /// base ends with all of the answer's tokens but the last.
    pub labels: Vec<u32>,
    /// The causal model's answer to the base without an interchange, if known.
    pub base_answer: Option<u32>,
    /// The causal model's answer to each source, if known; one entry per source.
    pub source_answers: Vec<Option<u32>>,
}

impl Pair {
    /// Returns true if the label equals the base's answer, so that the interchange must not change it.
    #[must_use]
    pub fn keeps_answer(&self) -> bool {
        self.base_answer.is_some_and(|answer| self.labels == [answer])
    }
}
