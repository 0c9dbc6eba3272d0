//! Sums over the steps since the last report of a search.

use std::time::Instant;

use burn::tensor::{Int, Tensor};

use super::trainer::Stepped;

pub(super) struct Report {
    pub means: Vec<Mean>,
    pub learning_rate: f64,
    pub step_ms: f64,
}

pub(super) struct Mean {
    pub loss: f64,
    pub iia: f64,
}

pub(super) struct StepSums {
    started: Instant,
    /// `[candidates]` for each step.
    losses: Vec<Tensor<1>>,
    hits: Vec<Tensor<1, Int>>,
    pairs: usize,
    learning_rate: f64,
}

impl Default for StepSums {
    fn default() -> Self {
        Self { started: Instant::now(), losses: Vec::new(), hits: Vec::new(), pairs: 0, learning_rate: 0.0 }
    }
}

impl StepSums {
    pub fn add(&mut self, stepped: &Stepped) {
        let (hits, pairs) = stepped.hits();
        self.losses.push(stepped.losses.clone());
        self.hits.push(hits);
        self.pairs += pairs;
        self.learning_rate = stepped.learning_rate;
    }

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
