//! The panic hook: panics that become errors are not printed.

use crate::device;

/// Sets a hook that keeps the messages of drivers' panics for their errors, and prints all other panics as before.
pub fn set_hook() {
    let default_hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !device::record_panic(panic) {
            default_hook(panic);
        }
    }));
}
