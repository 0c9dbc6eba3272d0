//! What a driver does when it fails is to panic. Here that becomes an error.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once, PoisonError};

use burn::tensor::{Device, Tensor};

use super::{Opened, budget, is_cpu, name, told};
use crate::error::Error;

/// How far a thread's panics are caught.
#[derive(Clone, Copy, PartialEq)]
enum Within {
    Nothing,
    /// [`guarded`]: where a driver has been started.
    Guarded,
    /// [`caught`]: all of them.
    Caught,
}

thread_local! {
    static WITHIN: Cell<Within> = const { Cell::new(Within::Nothing) };
}

/// Has a driver been started in this process?
static STARTED: AtomicBool = AtomicBool::new(false);

/// What the drivers' own threads said when they panicked, the latest last; whoever waits for them hears of it in other
/// words, or not at all.
static HEARD: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// The threads that burn runs devices on are called so.
const DRIVERS: &str = "DS";

/// Runs something on a device. What goes wrong there is an error: what was being done (`doing`: "filling the cache"), and,
/// where the memory ran out, its budget and the settings that need less (`lower`).
///
/// On the processor there is no driver: a panic there is a mistake in this library, and stays one.
pub fn attempt<T>(
    device: &Device,
    doing: &str,
    lower: &str,
    work: impl FnOnce() -> Result<T, Error>,
) -> Result<T, Error> {
    if is_cpu(device) {
        return work();
    }
    caught(work).unwrap_or_else(|said| {
        let problem = if is_full(&said) { full(device, doing, lower, &said) } else { format!("{doing}: {said}") };
        Err(Error::Device { name: name(device), problem })
    })
}

/// Runs a whole command. Once a driver has been started in it, a panic that nobody else has caught is an error.
pub fn guarded<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    let outcome = within(Within::Guarded, work);
    outcome.unwrap_or_else(|(said, payload)| {
        if !STARTED.load(Ordering::Relaxed) {
            std::panic::resume_unwind(payload);
        }
        let problem = format!("it gave up: {said}. `intervene devices` tries it, `--device cpu` does without");
        Err(Error::Device { name: "device".to_owned(), problem })
    })
}

fn full(device: &Device, doing: &str, lower: &str, said: &str) -> String {
    let budget = budget(device).map_or_else(|| "memory, of a size that its driver does not say".to_owned(), told);
    format!("its memory ran out ({doing}; it has {budget}). What needs less: {lower}. The driver said: {said}")
}

/// Does a driver speak of its memory?
fn is_full(said: &str) -> bool {
    let said = said.to_lowercase();
    ["out of memory", "outofmemory", "out of device memory", "out-of-memory", "buffertoobig", "not enough memory"]
        .iter()
        .chain(&["can't allocate", "buffer size", "max_buffer_size", "too large"])
        .any(|words| said.contains(words))
}

/// Can the device add, and be read?
pub(super) fn first_sum(opened: &Opened) -> Result<(), Error> {
    STARTED.fetch_or(!is_cpu(&opened.device), Ordering::Relaxed);
    let sum = || Tensor::<1>::from_data([1.0, 2.0], &opened.device).sum().into_scalar::<f32>();
    let problem = match caught(sum) {
        Ok(3.0) => return Ok(()),
        Ok(other) => format!("{}: it says that 1 + 2 is {other}; a newer driver may help", opened.hardware),
        Err(said) => format!("{}: it could not be started: {said}", opened.hardware),
    };
    Err(Error::Device { name: opened.name.to_string(), problem })
}

/// Runs something that may panic in a driver. Of a panic its words are given, and nothing is written to stderr.
pub(super) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    within(Within::Caught, work).map_err(|(said, _)| said)
}

/// The result, or the panic's words and the panic.
fn within<T>(how: Within, work: impl FnOnce() -> T) -> Result<T, (String, Box<dyn Any + Send>)> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let of_a_driver = std::thread::current().name().is_some_and(|name| name.starts_with(DRIVERS));
            let awaited = match WITHIN.get() {
                Within::Nothing => of_a_driver,
                Within::Guarded => STARTED.load(Ordering::Relaxed),
                Within::Caught => true,
            };
            if awaited {
                let place = panic.location().map_or_else(String::new, |place| format!(" ({place})"));
                heard().push(words(panic.payload()) + &place);
            } else {
                usual(panic);
            }
        }));
    });
    let outer = WITHIN.replace(how);
    let before = heard().len();
    let outcome = catch_unwind(AssertUnwindSafe(work));
    WITHIN.set(outer);
    let mut heard = heard();
    // The first to panic knows why; others panic for it. Another thread's may have taken some away.
    let first = heard.get(before).cloned();
    if outer == Within::Nothing {
        heard.truncate(before);
    }
    outcome.map_err(|payload| (first.unwrap_or_else(|| words(payload.as_ref())), payload))
}

fn heard() -> std::sync::MutexGuard<'static, Vec<String>> {
    HEARD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A panic's words, without the backtrace that drivers put into theirs.
fn words(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str).or(payload.downcast_ref::<&str>().copied());
    let text = text.unwrap_or("it gave up without a word");
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let said = lines.take_while(|line| !line.to_lowercase().starts_with("backtrace") && !line.starts_with("0:"));
    said.collect::<Vec<_>>().join(" ").chars().take(600).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_caught_with_its_words() {
        let said = caught(|| -> () { panic!("no adapter\nfor {}\n\nBacktrace\n 0: x", "this") }).unwrap_err();
        assert!(said.starts_with("no adapter for this (") && said.contains("failure.rs"), "{said}");
        assert_eq!(caught(|| 7), Ok(7));
    }

    #[test]
    fn a_full_memory_names_what_lowers_it() {
        for said in ["wgpu error: Out of Memory", "OutOfMemory { size: 3 }", "out of device memory allocating 3 bytes"]
        {
            assert!(is_full(said), "{said}");
        }
        assert!(!is_full("device lost"));
        let said = full(&Device::flex(), "filling the cache", "cache.level = \"disk\"", "no");
        assert!(
            said.starts_with("its memory ran out (filling the cache; it has ") && said.contains("cache.level"),
            "{said}"
        );
    }
}
