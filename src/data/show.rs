//! Examples for people to look at before a run trains on them.

use std::fmt::Write;
use std::io::IsTerminal;

use super::{Pair, Prompt, Tokenizer};

/// How the tokens that are intervened on are marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marks {
    /// `[brackets]`
    Brackets,
    /// Bold and underlined, on a terminal.
    Ansi,
}

impl Marks {
    /// For standard error: brackets where it is no terminal.
    #[must_use]
    pub fn of_stderr() -> Self {
        let dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
        if std::io::stderr().is_terminal() && !dumb { Self::Ansi } else { Self::Brackets }
    }
}

/// A pair as text: base, sources and label, a line each, with the intervened tokens marked. Line breaks are shown as `\n`.
///
/// ```text
/// base    Yesterday,[ Bob] took a taxi because
/// source  Yesterday,[ Julia] skipped the meeting because
/// label   ` she` (the base's own: ` he`)
/// ```
#[must_use]
pub fn show(pair: &Pair, tokenizer: &Tokenizer, marks: Marks) -> String {
    let mut shown = format!("base    {}\n", prompt(&pair.base, tokenizer, marks));
    for (_, source) in &pair.sources {
        let _ = writeln!(shown, "source  {}", prompt(source, tokenizer, marks));
    }
    let token = |token: u32| escaped(&tokenizer.token(token));
    let _ = write!(shown, "label   `{}`", token(pair.labels[0]));
    if let Some(own) = pair.base_answer {
        let _ = write!(shown, " (the base's own: `{}`)", token(own));
    }
    shown.push('\n');
    shown
}

/// Runs of neighbouring marked tokens, and of unmarked ones, are decoded together: a letter may be split over tokens.
fn prompt(prompt: &Prompt, tokenizer: &Tokenizer, marks: Marks) -> String {
    let marked: Vec<bool> = (0..prompt.tokens.len()).map(|at| prompt.positions.contains(&at)).collect();
    let mut shown = String::new();
    let mut at = 0;
    for run in marked.chunk_by(|a, b| a == b) {
        let text = escaped(&tokenizer.text(&prompt.tokens[at..at + run.len()]));
        shown += &match (run[0], marks) {
            (false, _) => text,
            (true, Marks::Brackets) => format!("[{text}]"),
            (true, Marks::Ansi) => format!("\x1b[1;4m{text}\x1b[0m"),
        };
        at += run.len();
    }
    shown
}

fn escaped(text: &str) -> String {
    text.replace('\n', "\\n")
}
