//! The progress of transfers, and warnings, on standard error.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

use crate::monitor::Monitor;
use crate::report::Observer;

/// Shows warnings, and on a terminal a bar for each transfer; ignores everything else.
#[derive(Default)]
pub struct Transfers {
    bar: Option<ProgressBar>,
}

impl Monitor for Transfers {
    fn warn(&mut self, problem: &str) {
        eprintln!("{problem}");
    }

    fn begin_transfer(&mut self, name: &str, bytes: u64) {
        if !std::io::stderr().is_terminal() {
            return;
        }
        let bar = ProgressBar::new(bytes);
        let template = "{prefix}  {bar:32.cyan/bright.black}  {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━━━"));
        }
        bar.set_prefix(name.to_owned());
        self.bar = Some(bar);
    }

    fn transferred(&mut self, bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(bytes);
        }
    }

    fn end_transfer(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Observer for Transfers {}
