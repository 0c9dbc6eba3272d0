//! The memory of devices, in bytes, and checks that data fits into it.

use burn::tensor::Device;

use super::opened::{is_cpu, known, name};
use crate::error::Error;
use crate::measure::free_memory_bytes;

/// The environment variable that limits the memory used on every device, such as `"8 GB"`: for drivers that do not
/// report their memory, or to leave some memory free.
pub const LIMIT: &str = "INTERVENE_DEVICE_MEMORY";

/// Returns the bytes that may be used on a device in total: `INTERVENE_DEVICE_MEMORY`, else the size that its driver
/// reports; `None` if it reports none.
#[must_use]
pub fn budget(device: &Device) -> Option<u64> {
    limit().ok().flatten().or_else(|| known(device)?.memory)
}

/// Returns the variable's value in bytes.
fn limit() -> Result<Option<u64>, Error> {
    let Some(text) = std::env::var_os(LIMIT) else { return Ok(None) };
    let text = text.to_string_lossy();
    parse_bytes(&text).map(Some).map_err(|error| Error::Invalid(format!("{LIMIT}: {error}")))
}

/// Returns the free bytes: for the processor the machine's, else the budget minus the bytes in use, if it is known.
#[must_use]
pub fn free(device: &Device) -> Option<u64> {
    if is_cpu(device) {
        let limit = limit().ok().flatten().unwrap_or(u64::MAX);
        return Some(free_memory_bytes().min(limit));
    }
    let used = device.memory_pool_usage().map_or(0, |usage| usage.bytes_in_use);
    budget(device).map(|budget| budget.saturating_sub(used))
}

/// Returns an error if `bytes` bytes (`what`: "the weights of M in f32") do not fit. The error names them, the budget,
/// and the settings that need less memory (`lower`). Without a known budget, nothing is checked.
///
/// The processor is checked only if `INTERVENE_DEVICE_MEMORY` is set, because its memory can be swapped to disk.
pub fn check_room(device: &Device, what: &str, bytes: u64, lower: &str) -> Result<(), Error> {
    let limit = limit()?;
    if is_cpu(device) && limit.is_none() {
        return Ok(());
    }
    match free(device) {
        Some(free) if bytes > free => {
            let (bytes, free) = (format_bytes(bytes), format_bytes(free));
            let total = budget(device).map_or_else(String::new, |budget| format!(" of {}", format_bytes(budget)));
            let by = if limit.is_some() { format!(" (its limit by {LIMIT})") } else { String::new() };
            let problem =
                format!("{what} take {bytes}, but only {free}{total}{by} are free. Settings that need less: {lower}");
            Err(Error::Device { name: name(device), problem })
        }
        _ => Ok(()),
    }
}

const UNITS: [(&str, f64); 4] = [("kB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12)];

/// Parses a size such as `"2 GB"` and returns it in bytes.
pub fn parse_bytes(text: &str) -> Result<u64, Error> {
    let wrong = || Error::Invalid(format!("invalid size `{text}`: expected a number and a unit, such as \"2 GB\""));
    let split = text.find(|c: char| c.is_alphabetic()).ok_or_else(wrong)?;
    let (number, unit) = (text[..split].trim(), &text[split..]);
    let (_, unit) = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).ok_or_else(wrong)?;
    let number: f64 = number.parse().map_err(|_| wrong())?;
    if number >= 0.0 && number.is_finite() { Ok((number * unit) as u64) } else { Err(wrong()) }
}

/// Formats a number of bytes, such as `2.1 GB`.
#[must_use]
pub fn format_bytes(bytes: u64) -> String {
    let (name, unit) = UNITS.iter().rev().find(|(_, unit)| bytes as f64 >= *unit).unwrap_or(&UNITS[0]);
    format!("{:.1} {name}", bytes as f64 / unit)
}
