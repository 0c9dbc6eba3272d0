//! What long work reports while it runs.

use super::{Column, Heatmap};
use crate::monitor::Monitor;

/// Receives the progress and the results of long work, besides what a [`Monitor`] receives. Every method does nothing by default; `()` ignores all of them.
pub trait Observer: Monitor {
    /// A line about the work, such as how many pairs there are.
    fn note(&mut self, _line: &str) {}

    /// An example pair, with the tokens that are intervened on in brackets, and in ANSI styles.
    fn example(&mut self, _bracketed: &str, _styled: &str) {}

    /// Work of `total` units begins.
    fn begin(&mut self, _name: &str, _total: usize) {}

    /// So many units of the work are done.
    fn advance(&mut self, _done: usize) {}

    /// So many steps of a search are done; the loss, and the IIA where it was measured.
    fn step(&mut self, _done: usize, _loss: f64, _iia: Option<f64>) {}

    /// The IIA on validation pairs.
    fn validated(&mut self, _iia: f64) {}

    /// The work that began last has ended.
    fn end(&mut self) {}

    /// The results of a training run, a column for each network.
    fn trained(&mut self, _columns: &[Column]) {}

    /// The results of a sweep.
    fn swept(&mut self, _heatmaps: &[Heatmap]) {}
}

impl Observer for () {}
