//! The colours of standard output.

use std::env;
use std::io::IsTerminal;

use crate::report::Ink;

/// The colours of standard output: none if it is not a terminal, or if `NO_COLOR` is set (no-color.org).
pub fn ink() -> Ink {
    let variable = |name| env::var(name).unwrap_or_default();
    choose(std::io::stdout().is_terminal(), &variable("NO_COLOR"), &variable("TERM"), &variable("COLORTERM"))
}

fn choose(terminal: bool, no_color: &str, term: &str, colorterm: &str) -> Ink {
    if !terminal || !no_color.is_empty() || term == "dumb" {
        Ink::Plain
    } else if matches!(colorterm, "truecolor" | "24bit") {
        Ink::True
    } else {
        Ink::Indexed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_colour_where_none_is_wanted() {
        assert_eq!(choose(true, "", "xterm-256color", "truecolor"), Ink::True);
        assert_eq!(choose(true, "", "xterm-256color", ""), Ink::Indexed);
        assert_eq!(choose(true, "1", "xterm-256color", "truecolor"), Ink::Plain);
        assert_eq!(choose(true, "", "dumb", ""), Ink::Plain);
        assert_eq!(choose(false, "", "xterm-256color", "truecolor"), Ink::Plain);
    }
}
