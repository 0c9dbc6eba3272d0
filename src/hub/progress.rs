//! The progress of a transfer, shown on standard error if that is a terminal.

use std::io::IsTerminal;

use hf_hub::progress::{DownloadEvent, ProgressEvent, ProgressHandler, UploadEvent};
use indicatif::{ProgressBar, ProgressStyle};

/// A progress bar in bytes; hidden if standard error is not a terminal.
#[derive(Clone)]
pub(super) struct Bar(ProgressBar);

impl Bar {
    /// Creates a bar at `done` of `bytes`, labelled `what`.
    pub(super) fn new(what: &str, done: u64, bytes: u64) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::new(bytes).with_position(done);
        let template = "{prefix}  {bar:32.cyan/bright.black}  {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━━━"));
        }
        bar.set_prefix(what.to_owned());
        Self(bar)
    }

    pub(super) fn set(&self, done: u64) {
        self.0.set_position(done);
    }

    /// Removes the bar from the terminal.
    pub(super) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

impl ProgressHandler for Bar {
    fn on_progress(&self, event: &ProgressEvent) {
        match event {
            ProgressEvent::Download(DownloadEvent::Progress { files }) => {
                self.set(files.iter().map(|file| file.bytes_completed).max().unwrap_or(0));
            }
            ProgressEvent::Download(DownloadEvent::AggregateProgress { bytes_completed, .. })
            | ProgressEvent::Upload(UploadEvent::Progress { bytes_completed, .. }) => self.set(*bytes_completed),
            _ => {}
        }
    }
}
