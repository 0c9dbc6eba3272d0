//! The temperature of a soft mask.

use serde::{Deserialize, Serialize};

/// Changes linearly from `start` to `end` over the training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Temperature {
    /// At progress 0.
    pub start: f64,
    /// At progress 1.
    pub end: f64,
    now: f64,
}

impl Temperature {
    /// 50 to 0.1, as in pyvene's tutorials.
    pub const ANNEALED: Self = Self::new(50.0, 0.1);

    /// A schedule, at its start.
    #[must_use]
    pub const fn new(start: f64, end: f64) -> Self {
        Self { start, end, now: start }
    }

    /// The same throughout.
    #[must_use]
    pub const fn constant(value: f64) -> Self {
        Self::new(value, value)
    }

    /// The present temperature.
    #[must_use]
    pub const fn now(self) -> f64 {
        self.now
    }

    /// Sets the present temperature; the schedule stays.
    pub const fn set(&mut self, now: f64) {
        self.now = now;
    }

    /// Sets the temperature to that of a progress from 0 to 1.
    pub fn anneal(&mut self, progress: f64) {
        self.now = self.start + (self.end - self.start) * progress.clamp(0.0, 1.0);
    }
}
