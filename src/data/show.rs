//! Pairs as text for inspection, with the intervened tokens marked.

use std::fmt::Write;

use super::{Pair, Prompt, Tokenizer};

/// The marking of the tokens that are intervened on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marks {
    /// `[brackets]`
    Brackets,
    /// Bold and underlined, for a terminal.
    Ansi,
}

/// Returns a pair as text: base, sources and label on a line each, with the intervened tokens marked. Line breaks
/// become `\n`.
///
/// ```text
/// base    Yesterday,[ Bob] took a taxi because
/// source  Yesterday,[ Julia] skipped the meeting because
/// label   ` she` (the base's answer: ` he`)
/// ```
#[must_use]
pub fn show(pair: &Pair, tokenizer: &Tokenizer, marks: Marks) -> String {
    let mut text = format!("base    {}\n", prompt(&pair.base, tokenizer, marks));
    for (_, source) in &pair.sources {
        let _ = writeln!(text, "source  {}", prompt(source, tokenizer, marks));
    }
    let token = |token: u32| escaped(&tokenizer.token(token));
    let _ = write!(text, "label   `{}`", token(pair.labels[0]));
    if let Some(answer) = pair.base_answer {
        let _ = write!(text, " (the base's answer: `{}`)", token(answer));
    }
    text.push('\n');
    text
}

fn prompt(prompt: &Prompt, tokenizer: &Tokenizer, marks: Marks) -> String {
    let piece = |(text, marked): (String, bool)| match (marked, marks) {
        (false, _) => escaped(&text),
        (true, Marks::Brackets) => format!("[{}]", escaped(&text)),
        (true, Marks::Ansi) => format!("\x1b[1;4m{}\x1b[0m", escaped(&text)),
    };
    pieces(prompt, tokenizer).into_iter().map(piece).collect()
}

/// Returns a prompt's text in pieces; the flag is true for tokens that are intervened on. Neighbouring tokens with the
/// same flag are decoded together, because a character may be split over tokens.
#[must_use]
pub fn pieces(prompt: &Prompt, tokenizer: &Tokenizer) -> Vec<(String, bool)> {
    let marked: Vec<bool> = (0..prompt.tokens.len()).map(|index| prompt.positions.contains(&index)).collect();
    let mut pieces = Vec::new();
    let mut start = 0;
    for run in marked.chunk_by(|a, b| a == b) {
        pieces.push((tokenizer.text(&prompt.tokens[start..start + run.len()]), run[0]));
        start += run.len();
    }
    pieces
}

fn escaped(text: &str) -> String {
    text.replace('\n', "\\n")
}
