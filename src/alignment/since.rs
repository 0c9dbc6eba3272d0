//! What the steps of a search have come to since it last said so.

use std::time::Instant;

use burn::tensor::{Int, Tensor};

use super::trainer::Stepped;

/// What the steps since the last report come to.
pub(super) struct Report {
    /// Of each candidate.
    pub means: Vec<Mean>,
    /// The rotations', in the last step.
    pub learning_rate: f64,
    /// Milliseconds a step.
    pub step_ms: f64,
}

/// One candidate's.
pub(super) struct Mean {
    pub loss: f64,
    pub iia: f64,
}

/// The steps since the last report.
pub(super) struct Since {
    started: Instant,
    /// Each `[candidates]`.
    losses: Vec<Tensor<1>>,
    hits: Vec<Tensor<1, Int>>,
    /// Of each candidate.
    pairs: usize,
    learning_rate: f64,
}

impl Since {
    pub fn now() -> Self {
        Self { started: Instant::now(), losses: Vec::new(), hits: Vec::new(), pairs: 0, learning_rate: 0.0 }
    }

    pub fn add(&mut self, stepped: &Stepped) {
        let (hits, pairs) = stepped.hits();
        self.losses.push(stepped.losses.clone());
        self.hits.push(hits);
        self.pairs += pairs;
        self.learning_rate = stepped.learning_rate;
    }

    /// Reads what there is back from the device.
    pub fn report(self) -> Report {
        let candidates = self.losses[0].dims()[0];
        let steps = self.losses.len();
        let losses = Tensor::cat(self.losses, 0).reshape([steps, candidates]).mean_dim(0).into_data();
        let hits = Tensor::cat(self.hits, 0).reshape([steps, candidates]).sum_dim(0).into_data();
        let mean = |(loss, hits): (f32, i64)| Mean { loss: f64::from(loss), iia: hits as f64 / self.pairs as f64 };
        Report {
            means: losses.iter::<f32>().zip(hits.iter::<i64>()).map(mean).collect(),
            learning_rate: self.learning_rate,
            step_ms: self.started.elapsed().as_secs_f64() * 1e3 / steps as f64,
        }
    }
}
