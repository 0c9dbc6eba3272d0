//! What a run cost.

/// The most memory that this process has held, in bytes; 0 where the system does not say.
pub fn peak_rss_bytes() -> u64 {
    #[cfg(unix)]
    {
        use nix::sys::resource::{UsageWho, getrusage};
        let kilobytes = getrusage(UsageWho::RUSAGE_SELF).map_or(0, |usage| usage.max_rss());
        // macOS counts in bytes, the others in kilobytes.
        u64::try_from(kilobytes).unwrap_or(0) * if cfg!(target_os = "macos") { 1 } else { 1024 }
    }
    #[cfg(not(unix))]
    0
}

/// The middle value; 0 of none.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
