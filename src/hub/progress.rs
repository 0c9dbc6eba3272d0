//! The progress of a transfer, passed from the client's threads to a monitor.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use hf_hub::progress::{DownloadEvent, ProgressEvent, ProgressHandler, UploadEvent};

use crate::monitor::Monitor;

const INTERVAL: Duration = Duration::from_millis(100);

/// The number of bytes that are transferred.
#[derive(Clone, Default)]
pub(super) struct Transferred(Arc<AtomicU64>);

impl ProgressHandler for Transferred {
    fn on_progress(&self, event: &ProgressEvent) {
        let bytes = match event {
            ProgressEvent::Download(DownloadEvent::Progress { files }) => {
                files.iter().map(|file| file.bytes_completed).max().unwrap_or(0)
            }
            ProgressEvent::Download(DownloadEvent::AggregateProgress { bytes_completed, .. })
            | ProgressEvent::Upload(UploadEvent::Progress { bytes_completed, .. }) => *bytes_completed,
            _ => return,
        };
        self.0.store(bytes, Ordering::Relaxed);
    }
}

/// Runs a transfer in another thread and reports its progress to the monitor from this one.
pub(super) fn watched<T: Send>(monitor: &mut dyn Monitor, transfer: impl FnOnce(Transferred) -> T + Send) -> T {
    let transferred = Transferred::default();
    let (sender, receiver) = channel();
    thread::scope(|scope| {
        let counter = transferred.clone();
        // The receiver waits until the transfer ends, so sending cannot fail.
        let thread = scope.spawn(move || sender.send(transfer(counter)).is_ok());
        loop {
            match receiver.recv_timeout(INTERVAL) {
                Ok(outcome) => return outcome,
                Err(RecvTimeoutError::Timeout) => monitor.transferred(transferred.0.load(Ordering::Relaxed)),
                Err(RecvTimeoutError::Disconnected) => match thread.join() {
                    Ok(_) => unreachable!("a thread that does not panic sends its outcome"),
                    Err(panic) => resume_unwind(panic),
                },
            }
        }
    })
}
