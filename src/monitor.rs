//! What the modules below an experiment report while they work.

/// Receives warnings and the progress of transfers. Every method does nothing by default; `()` ignores all of them.
pub trait Monitor {
    /// A problem that does not stop the work.
    fn warn(&mut self, _problem: &str) {}

    /// A transfer of so many bytes begins.
    fn begin_transfer(&mut self, _name: &str, _bytes: u64) {}

    /// So many bytes of the transfer are done.
    fn transferred(&mut self, _bytes: u64) {}

    /// The transfer has ended.
    fn end_transfer(&mut self) {}
}

impl Monitor for () {}
