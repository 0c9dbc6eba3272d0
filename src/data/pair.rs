//! Interchanges of prompts, as tokens.

use std::sync::Arc;

/// A prompt's tokens, and which of its positions are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// The tokens, without padding; shared by the pairs that are the same but for their positions.
    pub tokens: Arc<[u32]>,
    /// The positions that an intervention reads or writes, counted from 0.
    pub positions: Vec<usize>,
}

/// One interchange: the base's rows are rewritten from the sources' rows, and the label is what the causal model then
/// says after the base's last token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The prompt that is intervened on.
    pub base: Prompt,
    /// A prompt for each variable that is swapped: the variable's number in the task, and where its value is read.
    pub sources: Vec<(usize, Prompt)>,
    /// The tokens that the causal model says: the last one follows the base's last token. One, but where an answer of
    /// several tokens stands in the base but for its last.
    pub labels: Vec<u32>,
    /// What it says of the base itself, where that is known: what a model that solves the task says.
    pub base_answer: Option<u32>,
    /// What it says of each source itself, where that is known; as many as there are sources.
    pub source_answers: Vec<Option<u32>>,
}

impl Pair {
    /// Is the label what the causal model says of the base itself? The interchange must not change it then.
    #[must_use]
    pub fn keeps_answer(&self) -> bool {
        self.base_answer.is_some_and(|answer| self.labels == [answer])
    }
}
