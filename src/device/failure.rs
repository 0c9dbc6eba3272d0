//! Drivers panic when they fail; this module turns these panics into errors.
//!
//! It sets no panic hook. A program whose hook calls [`record_panic`] gets the messages of the drivers' own threads, the
//! places of panics, and no output of panics that become errors. Without it, an error has the message that the waiting
//! thread received.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use burn::tensor::{Device, Tensor};

use super::{OpenedDevice, budget, format_bytes, is_cpu, name};
use crate::error::Error;

/// The panics of a thread that are caught.
#[derive(Clone, Copy, PartialEq)]
enum Scope {
    /// None.
    Unguarded,
    /// Within [`guarded`]: panics after a driver has been started.
    Guarded,
    Caught,
}

thread_local! {
    static SCOPE: Cell<Scope> = const { Cell::new(Scope::Unguarded) };
}

static STARTED: AtomicBool = AtomicBool::new(false);

/// The recorded messages of caught panics and of panics in the drivers' own threads, the latest last. A thread that waits for a
/// driver's thread receives a different message or none.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// The prefix of the names of the threads on which burn runs devices.
const DRIVER_THREADS: &str = "DS";

/// Runs `work` on a device. A driver's panic is returned as an error that names the operation (`doing`: "filling the
/// cache") and, if the memory ran out, the device's budget and the settings that need less memory (`lower`).
///
/// The processor has no driver: a panic there is an error in this library and is not caught.
pub fn attempt<T>(
    device: &Device,
    doing: &str,
    lower: &str,
    work: impl FnOnce() -> Result<T, Error>,
) -> Result<T, Error> {
    if is_cpu(device) {
        return work();
    }
    caught(work).unwrap_or_else(|panic| {
        let full = is_out_of_memory(&panic);
        let problem = if full { out_of_memory(device, doing, lower, &panic) } else { format!("{doing}: {panic}") };
        Err(Error::Device { name: name(device), problem })
    })
}

/// Runs a whole command. After a driver has been started in it, a panic that is not caught elsewhere becomes an error.
pub fn guarded<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    let outcome = within(Scope::Guarded, work);
    outcome.unwrap_or_else(|(panic, payload)| {
        if !STARTED.load(Ordering::Relaxed) {
            std::panic::resume_unwind(payload);
        }
        let problem = format!("it failed: {panic}. `intervene devices` tests it; `--device cpu` does not use it");
        Err(Error::Device { name: "device".to_owned(), problem })
    })
}

fn out_of_memory(device: &Device, doing: &str, lower: &str, panic: &str) -> String {
    let budget = budget(device).map_or_else(|| "memory of unknown size".to_owned(), format_bytes);
    format!("its memory ran out ({doing}; it has {budget}). Settings that need less: {lower}. The driver said: {panic}")
}

/// Returns true if a driver's message says that its memory ran out.
fn is_out_of_memory(message: &str) -> bool {
    let message = message.to_lowercase();
    ["out of memory", "outofmemory", "out of device memory", "out-of-memory", "buffertoobig", "not enough memory"]
        .iter()
        .chain(&["can't allocate", "buffer size", "max_buffer_size", "too large"])
        .any(|words| message.contains(words))
}

/// Adds two numbers on the device and reads the sum back; an error if this fails.
pub(super) fn test_sum(opened: &OpenedDevice) -> Result<(), Error> {
    STARTED.fetch_or(!is_cpu(&opened.device), Ordering::Relaxed);
    let sum = || Tensor::<1>::from_data([1.0, 2.0], &opened.device).sum().into_scalar::<f32>();
    let problem = match caught(sum) {
        Ok(3.0) => return Ok(()),
        Ok(other) => format!("{}: it computes {other} as 1 + 2; a newer driver may help", opened.hardware),
        Err(panic) => format!("{}: it could not be started: {panic}", opened.hardware),
    };
    Err(Error::Device { name: opened.name.to_string(), problem })
}

/// Runs work that may panic in a driver. A panic is returned as its message.
pub(super) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    within(Scope::Caught, work).map_err(|(message, _)| message)
}

/// Records a panic for the error that it becomes, and returns true; returns false for a panic that becomes none. A
/// program calls this from its panic hook, and prints only the panics for which it returns false.
pub fn record_panic(panic: &PanicHookInfo<'_>) -> bool {
    let in_driver = std::thread::current().name().is_some_and(|name| name.starts_with(DRIVER_THREADS));
    let is_caught = match SCOPE.get() {
        Scope::Unguarded => in_driver,
        Scope::Guarded => STARTED.load(Ordering::Relaxed),
        Scope::Caught => true,
    };
    if is_caught {
        let place = panic.location().map_or_else(String::new, |place| format!(" ({place})"));
        panics().push(message(panic.payload()) + &place);
    }
    is_caught
}

/// Returns the result, or the panic's message and payload.
fn within<T>(scope: Scope, work: impl FnOnce() -> T) -> Result<T, (String, Box<dyn Any + Send>)> {
    let outer = SCOPE.replace(scope);
    let before = panics().len();
    let outcome = catch_unwind(AssertUnwindSafe(work));
    SCOPE.set(outer);
    let mut panics = panics();
    // The first panic is the cause of the others. Another thread may have removed it from the list.
    let first = panics.get(before).cloned();
    if outer == Scope::Unguarded {
        panics.truncate(before);
    }
    outcome.map_err(|payload| (first.unwrap_or_else(|| message(payload.as_ref())), payload))
}

fn panics() -> std::sync::MutexGuard<'static, Vec<String>> {
    PANICS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns a panic's message, without the backtrace that drivers add to it.
fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str).or(payload.downcast_ref::<&str>().copied());
    let text = text.unwrap_or("it failed without a message");
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let lines = lines.take_while(|line| !line.to_lowercase().starts_with("backtrace") && !line.starts_with("0:"));
    lines.collect::<Vec<_>>().join(" ").chars().take(600).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_caught_with_its_message() {
        let message = caught(|| -> () { panic!("no adapter\nfor {}\n\nBacktrace\n 0: x", "this") }).unwrap_err();
        assert!(message.starts_with("no adapter for this"), "{message}");
        assert_eq!(caught(|| 7), Ok(7));
    }

    #[test]
    fn an_out_of_memory_error_names_settings_that_need_less() {
        for panic in ["wgpu error: Out of Memory", "OutOfMemory { size: 3 }", "out of device memory allocating 3 bytes"]
        {
            assert!(is_out_of_memory(panic), "{panic}");
        }
        assert!(!is_out_of_memory("device lost"));
        let error = out_of_memory(&Device::flex(), "filling the cache", "cache.level = \"disk\"", "no");
        assert!(error.starts_with("its memory ran out (filling the cache; it has "), "{error}");
        assert!(error.contains("Settings that need less: cache.level"), "{error}");
    }
}
