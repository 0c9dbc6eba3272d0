//! How much a device holds, and whether something fits.

use burn::tensor::Device;

use super::{is_cpu, known, name};
use crate::error::Error;
use crate::measure::free_memory_bytes;

/// What may be taken of every device, such as `"8 GB"`: for drivers that do not say what theirs have, and to leave room.
pub const LIMIT: &str = "INTERVENE_DEVICE_MEMORY";

/// The bytes that may be taken of a device in all: `INTERVENE_DEVICE_MEMORY`, else what its driver says; none where it says
/// nothing.
#[must_use]
pub fn budget(device: &Device) -> Option<u64> {
    limit().ok().flatten().or_else(|| known(device)?.memory)
}

/// The variable's value.
fn limit() -> Result<Option<u64>, Error> {
    let Some(text) = std::env::var_os(LIMIT) else { return Ok(None) };
    let text = text.to_string_lossy();
    bytes(&text).map(Some).map_err(|error| Error::Invalid(format!("{LIMIT}: {error}")))
}

/// The bytes of a device that are still to be had: the machine's free memory for the processor, the budget less what is in
/// use for another; none where nobody knows.
#[must_use]
pub fn free(device: &Device) -> Option<u64> {
    if is_cpu(device) {
        let limit = limit().ok().flatten().unwrap_or(u64::MAX);
        return Some(free_memory_bytes().min(limit));
    }
    let used = device.memory_pool_usage().map_or(0, |usage| usage.bytes_in_use);
    budget(device).map(|budget| budget.saturating_sub(used))
}

/// Is there room for so many bytes (`what`: "the weights of M in f32")? An error names them, the budget, and the settings
/// that need less (`lower`). Where the driver does not say what it has, there is.
///
/// The processor is not asked unless it has been given a budget: its memory can be lent by the disk.
pub fn check_room(device: &Device, what: &str, bytes: u64, lower: &str) -> Result<(), Error> {
    let limit = limit()?;
    if is_cpu(device) && limit.is_none() {
        return Ok(());
    }
    match free(device) {
        Some(free) if bytes > free => {
            let of = budget(device).map_or_else(String::new, |budget| format!(" of {}", told(budget)));
            let by = if limit.is_some() { format!(" (its limit by {LIMIT})") } else { String::new() };
            let problem =
                format!("{what} take {}, and {}{of}{by} are free. What needs less: {lower}", told(bytes), told(free));
            Err(Error::Device { name: name(device), problem })
        }
        _ => Ok(()),
    }
}

const UNITS: [(&str, f64); 4] = [("kB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12)];

/// `"2 GB"` in bytes.
pub fn bytes(text: &str) -> Result<u64, Error> {
    let wrong = || Error::Invalid(format!("`{text}` is no size; \"2 GB\" or \"500 MB\", say"));
    let split = text.find(|c: char| c.is_alphabetic()).ok_or_else(wrong)?;
    let (number, unit) = (text[..split].trim(), &text[split..]);
    let (_, unit) = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).ok_or_else(wrong)?;
    let number: f64 = number.parse().map_err(|_| wrong())?;
    if number >= 0.0 && number.is_finite() { Ok((number * unit) as u64) } else { Err(wrong()) }
}

/// Bytes in words: `2.1 GB`.
#[must_use]
pub fn told(bytes: u64) -> String {
    let (name, unit) = UNITS.iter().rev().find(|(_, unit)| bytes as f64 >= *unit).unwrap_or(&UNITS[0]);
    format!("{:.1} {name}", bytes as f64 / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        let read = |text: &str| bytes(text).ok();
        assert_eq!(read("2 GB"), Some(2_000_000_000));
        assert_eq!(read("1.5mb"), Some(1_500_000));
        assert_eq!([read("2"), read("GB"), read("-1 GB"), read("1 XB"), read("inf GB")], [None; 5]);
        assert_eq!([told(2_100_000_000), told(538_000_000), told(12)], ["2.1 GB", "538.0 MB", "0.0 kB"]);
    }
}
