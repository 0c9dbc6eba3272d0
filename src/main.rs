//! The program `intervene`: its allocator, and the call of the command line.

use std::process::ExitCode;

/// A training step asks for fresh memory some hundred times; the system's allocator gives it back and faults it in anew.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The next step asks for what the last gave back: the allocator keeps it for a second (10 ms by default), unless
/// `MIMALLOC_PURGE_DELAY` says otherwise.
fn keep_memory() {
    /// `mi_option_purge_delay` of mimalloc.h, which the crate has no name for; in milliseconds.
    const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
    // SAFETY: no other thread runs yet, and any number is valid.
    unsafe { libmimalloc_sys::mi_option_set_default(PURGE_DELAY, 1000) };
}

fn main() -> ExitCode {
    keep_memory();
    intervene::cli::main()
}
