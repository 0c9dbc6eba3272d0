//! The temperature of a soft mask.

use serde::{Deserialize, Serialize};

/// Falls in a straight line from `start` to `end` while the training goes on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Temperature {
    /// At progress 0.
    pub start: f64,
    /// At progress 1.
    pub end: f64,
    now: f64,
}

impl Temperature {
    /// pyvene's tutorials: 50 to 0.1.
    pub const ANNEALED: Self = Self::new(50.0, 0.1);

    /// From a start, where it is now, to an end.
    #[must_use]
    pub const fn new(start: f64, end: f64) -> Self {
        Self { start, end, now: start }
    }

    /// Without a schedule.
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

    /// Sets the temperature that belongs to a progress from 0 to 1.
    pub fn anneal(&mut self, progress: f64) {
        self.now = self.start + (self.end - self.start) * progress.clamp(0.0, 1.0);
    }
}
