//! Tests that depend on another process wait for what it does, not for time to pass.

use std::time::{Duration, Instant};

/// Waits until something has happened. The deadline only ends a test that would otherwise hang.
pub fn until(what: &str, mut happened: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(600);
    while !happened() {
        assert!(Instant::now() < deadline, "{what}: this has not happened in ten minutes");
        std::thread::sleep(Duration::from_millis(2));
    }
}
