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

fn prompt(prompt: &Prompt, tokenizer: &Tokenizer, marks: Marks) -> String {
    let shown = |(text, marked): (String, bool)| match (marked, marks) {
        (false, _) => escaped(&text),
        (true, Marks::Brackets) => format!("[{}]", escaped(&text)),
        (true, Marks::Ansi) => format!("\x1b[1;4m{}\x1b[0m", escaped(&text)),
    };
    pieces(prompt, tokenizer).into_iter().map(shown).collect()
}

/// A prompt's text in pieces, each with whether it is meant. Runs of neighbouring marked tokens, and of unmarked ones,
/// are decoded together: a letter may be split over tokens.
#[must_use]
pub fn pieces(prompt: &Prompt, tokenizer: &Tokenizer) -> Vec<(String, bool)> {
    let marked: Vec<bool> = (0..prompt.tokens.len()).map(|at| prompt.positions.contains(&at)).collect();
    let mut pieces = Vec::new();
    let mut at = 0;
    for run in marked.chunk_by(|a, b| a == b) {
        pieces.push((tokenizer.text(&prompt.tokens[at..at + run.len()]), run[0]));
        at += run.len();
    }
    pieces
}

fn escaped(text: &str) -> String {
    text.replace('\n', "\\n")
}
