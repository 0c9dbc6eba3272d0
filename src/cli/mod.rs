//! The command line.

mod console;

pub use console::Console;
