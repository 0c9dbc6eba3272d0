//! How often the model gives the causal model's answer.

use burn::tensor::{Int, Tensor};

/// Hits out of trials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Score {
    /// How often the model gave the causal model's answer.
    pub hits: usize,
    /// The number of pairs that were evaluated.
    pub trials: usize,
}

impl Score {
    /// The share of hits.
    #[must_use]
    pub fn mean(self) -> f64 {
        self.hits as f64 / self.trials as f64
    }
}

/// The scores of one intervention, swap by swap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scores(pub Vec<(String, Score)>);

impl Scores {
    /// The mean over the swaps, each counting alike.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.0.iter().map(|(_, score)| score.mean()).sum::<f64>() / self.0.len() as f64
    }

    /// All swaps together.
    #[must_use]
    pub fn overall(&self) -> Score {
        self.0.iter().fold(Score::default(), |sum, (_, score)| Score {
            hits: sum.hits + score.hits,
            trials: sum.trials + score.trials,
        })
    }
}

/// How a candidate does on pairs that it is not trained on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Validated {
    /// Interchange intervention accuracy.
    pub iia: f64,
    /// The mean cross-entropy, without a penalty.
    pub loss: f64,
}

impl Validated {
    /// A higher accuracy, or the same at a lower loss.
    pub(super) fn is_better_than(self, other: Self) -> bool {
        self.iia > other.iia || (self.iia == other.iia && self.loss < other.loss)
    }
}

/// `[batch]`: 1 for each example whose label is the largest of `[batch, answers, classes]` at every answer, else 0.
pub(crate) fn hits(logits: Tensor<3>, labels: &Tensor<2, Int>, weights: Option<&Tensor<2>>) -> Tensor<1, Int> {
    let [batch, answers, _] = logits.dims();
    let wrong = logits.argmax(2).reshape([batch, answers]).not_equal(labels.clone()).float();
    let wrong = match weights {
        Some(weights) => wrong * weights.clone(),
        None => wrong,
    };
    wrong.sum_dim(1).equal_elem(0.0).int().reshape([batch])
}

/// The number of [`hits`].
pub(crate) fn count_hits(logits: Tensor<3>, labels: &Tensor<2, Int>, weights: Option<&Tensor<2>>) -> usize {
    let hits = hits(logits, labels, weights).sum().into_scalar::<i64>();
    usize::try_from(hits).expect("a count is not negative")
}
