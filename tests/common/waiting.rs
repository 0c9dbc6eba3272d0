//! Tests that depend on another process wait for what it does, not for time to pass.

use std::process::Child;
use std::time::{Duration, Instant};

/// A process that is killed when the test no longer holds it, so that a failing test leaves none behind.
pub struct Held(pub Child);

impl Drop for Held {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until something has happened. The deadline only ends a test that would otherwise hang.
pub fn until(what: &str, mut happened: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(600);
    while !happened() {
        assert!(Instant::now() < deadline, "{what}: this has not happened in ten minutes");
        std::thread::sleep(Duration::from_millis(2));
    }
}
