//! Encoding rows of text as pairs of tokens.

use std::ops::Range;

use rand::Rng;

use super::position::{Position, Take};
use super::row::{Row, Text};
use super::tokenizer::Encoded;
use super::{Pair, Prompt, Tokenizer};
use crate::error::{Error, nearest};
use crate::tasks::{PromptTask, Split, TextPair};

/// Encodes prompts and answers as tokens.
#[derive(Clone, Debug)]
pub struct Encoder<'a> {
    /// The model's tokenizer.
    pub tokenizer: &'a Tokenizer,
    /// The tokens of base and sources on which interventions act.
    pub position: Position,
    /// If true, prompts begin with the tokenizer's special tokens. The default is false.
    pub special_tokens: bool,
    /// If true, an answer's first token represents it. If false (the default), an answer of several tokens is an error.
    pub first_token: bool,
}

/// Pairs that were drawn from a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrawnPairs {
    /// The pairs.
    pub pairs: Vec<Pair>,
    /// The rows of text of the pairs, in the same order.
    pub rows: Vec<Row>,
    /// The number of further rows that were drawn and dropped, because the label and the base's answer differ but have
    /// the same first token.
    pub ambiguous: usize,
}

impl<'a> Encoder<'a> {
    /// Creates an encoder without special tokens, for answers of one token.
    #[must_use]
    pub fn new(tokenizer: &'a Tokenizer, position: Position) -> Self {
        Self { tokenizer, position, special_tokens: false, first_token: false }
    }

    /// Encodes a row; an error names the row's place.
    pub fn pair(&self, row: &Row) -> Result<Pair, Error> {
        self.encode(row).map_err(|problem| Error::Data { place: row.place.clone(), problem })
    }

    /// Encodes rows; an error names the row's place.
    pub fn pairs(&self, rows: &[Row]) -> Result<Vec<Pair>, Error> {
        rows.iter().map(|row| self.pair(row)).collect()
    }

    /// Draws `count` interchanges of the named variables. The first token of an answer represents it.
    pub fn draw(
        &self,
        task: &dyn PromptTask,
        split: Split,
        variables: &[&str],
        count: usize,
        rng: &mut dyn Rng,
    ) -> Result<DrawnPairs, Error> {
        self.collect(task.name(), count, &mut || task.sample(split, variables, rng))
    }

    /// Draws `count` interchanges of the named variables that do not change the base's answer, otherwise as
    /// [`Self::draw`].
    pub fn draw_isolating(
        &self,
        task: &dyn PromptTask,
        split: Split,
        variables: &[&str],
        count: usize,
        rng: &mut dyn Rng,
    ) -> Result<DrawnPairs, Error> {
        self.collect(task.name(), count, &mut || task.sample_isolating(split, variables, rng))
    }

    fn collect(
        &self,
        name: &str,
        count: usize,
        sample: &mut dyn FnMut() -> Result<TextPair, Error>,
    ) -> Result<DrawnPairs, Error> {
        let encoder = Self { first_token: true, ..self.clone() };
        let mut drawn = DrawnPairs { pairs: Vec::with_capacity(count), rows: Vec::with_capacity(count), ambiguous: 0 };
        while drawn.pairs.len() < count {
            let row = Row::from_task(sample()?, name);
            let pair = encoder.pair(&row)?;
            if pair.keeps_answer() && row.base_answer.as_ref() != Some(&row.label) {
                drawn.ambiguous += 1;
                if drawn.ambiguous > 100 * (count + 100) {
                    let problem = "nearly all answers have the same first token: use another model";
                    return Err(Error::Data { place: name.to_owned(), problem: problem.to_owned() });
                }
            } else {
                drawn.pairs.push(pair);
                drawn.rows.push(row);
            }
        }
        Ok(drawn)
    }

    fn encode(&self, row: &Row) -> Result<Pair, String> {
        if row.sources.is_empty() {
            return self.completion(row);
        }
        let base = self.prompt(&row.base, "base")?;
        let sources = row.sources.iter().map(|(variable, source)| Ok((*variable, self.prompt(source, "source")?)));
        let sources = sources.collect::<Result<Vec<_>, String>>()?;
        for (_, source) in &sources {
            let [in_base, in_source] = [&base, source].map(|prompt| prompt.positions.len());
            if in_base != in_source {
                return Err(format!(
                    "position `{}` is {in_base} tokens of the base and {in_source} of the source: the numbers must be equal",
                    self.position
                ));
            }
        }
        let answers = row.sources.iter().zip(&row.source_answers).map(|((_, source), answer)| {
            answer.as_ref().map(|answer| self.answer(&source.text, answer, "source_answer")).transpose()
        });
        let base_answer = row.base_answer.as_ref();
        Ok(Pair {
            labels: vec![self.answer(&row.base.text, &row.label, "label")?],
            base_answer: base_answer.map(|answer| self.answer(&row.base.text, answer, "base_answer")).transpose()?,
            source_answers: answers.collect::<Result<_, String>>()?,
            base,
            sources,
        })
    }

    /// Encodes a prompt and its completion: the prompt is followed by all of the answer's tokens but the last, and all
    /// of the answer's tokens are labels.
    fn completion(&self, row: &Row) -> Result<Pair, String> {
        let mut base = self.prompt(&row.base, "prompt")?;
        let labels = self.answer_tokens(&row.base.text, &row.label, "completion")?;
        base.tokens.extend(&labels[..labels.len() - 1]);
        Ok(Pair { base, sources: vec![], labels, base_answer: None, source_answers: vec![] })
    }

    fn prompt(&self, text: &Text, which: &str) -> Result<Prompt, String> {
        let encoded = self.tokenizer.encoded(&text.text, self.special_tokens).map_err(|error| error.to_string())?;
        let positions = self.positions(text, &encoded, which)?;
        Ok(Prompt { tokens: encoded.tokens, positions })
    }

    fn positions(&self, text: &Text, encoded: &Encoded, which: &str) -> Result<Vec<usize>, String> {
        let from_index = |index: i64| {
            let count = encoded.tokens.len();
            let position = if index < 0 { index + count as i64 } else { index };
            usize::try_from(position).ok().filter(|position| *position < count).ok_or_else(|| {
                format!(
                    "position {index} does not exist: the {which} \"{}\" has {count} tokens, counted from 0",
                    text.text
                )
            })
        };
        let (slot, take) = match &self.position {
            Position::Index(index) => return Ok(vec![from_index(*index)?]),
            Position::Ends { first, last } => {
                let count = encoded.tokens.len();
                if first + last > count {
                    let (position, text) = (&self.position, &text.text);
                    return Err(format!("position `{position}`: the {which} \"{text}\" has only {count} tokens"));
                }
                return Ok((0..*first).chain(count - last..count).collect());
            }
            Position::Slot(slot, take) => (slot, take),
        };
        if let (Some(positions), "span") = (&text.positions, slot.as_str()) {
            return positions.iter().map(|index| from_index(*index)).collect();
        }
        let span = text.spans.iter().find(|(name, _)| name == slot).map(|(_, span)| span.clone());
        let span: Range<usize> = span.ok_or_else(|| {
            if slot == "span" {
                return format!("the position is missing: `{which}_span` or `{which}_position` is needed");
            }
            format!("there is no position `{slot}`{}", nearest(slot, text.spans.iter().map(|(name, _)| name.as_str())))
        })?;
        let tokens =
            encoded.touching(&span).ok_or_else(|| format!("no token contains \"{}\"", &text.text[span.clone()]))?;
        Ok(match take {
            Take::First => vec![tokens.start],
            Take::Last => vec![tokens.end - 1],
            Take::All => tokens.collect(),
        })
    }

    /// Returns the answer's token after the prompt; its first one if `first_token` is set.
    fn answer(&self, prompt: &str, answer: &str, key: &str) -> Result<u32, String> {
        let tokens = self.answer_tokens(prompt, answer, key)?;
        match tokens[..] {
            [token] => Ok(token),
            [token, ..] if self.first_token => Ok(token),
            _ => {
                let names: Vec<String> =
                    tokens.iter().map(|token| format!("`{}`", self.tokenizer.token(*token))).collect();
                Err(format!("the {key} \"{answer}\" is {} tokens ({}): one is needed", tokens.len(), names.join(", ")))
            }
        }
    }

    /// Returns the answer's tokens after the prompt, at least one.
    ///
    /// Prompt and answer are tokenised together, and the tokens after the prompt's tokens are the answer's. With a
    /// tokenizer that puts a space before every text (Llama 2's), this gives the token that the model would produce.
    fn answer_tokens(&self, prompt: &str, answer: &str, key: &str) -> Result<Vec<u32>, String> {
        let encode = |text: &str| self.tokenizer.encode(text).map_err(|error| error.to_string());
        let joins = |text: &str, answer: &str| {
            let ends = text.chars().next_back().zip(answer.chars().next());
            ends.is_some_and(|(a, b)| a.is_alphanumeric() && b.is_alphanumeric())
        };
        if joins(prompt, answer) {
            return Err(format!("the {key} \"{answer}\" runs into the prompt's last word: write \" {answer}\""));
        }
        let (before, whole) = (encode(prompt)?, encode(&format!("{prompt}{answer}"))?);
        // If the answer changes the prompt's last tokens (for example because the prompt ends in a space), the model
        // never sees the joined text; the answer is then tokenised alone.
        match whole.strip_prefix(&before[..]) {
            Some(tokens) if !tokens.is_empty() => Ok(tokens.to_vec()),
            _ => encode(answer),
        }
    }
}
