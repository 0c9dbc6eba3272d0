//! Encoding rows of text as pairs of tokens.

use rand::Rng;

use super::encoded_row::{EncodedRow, RowTokens};
use super::position::Position;
use super::row::{Row, Text};
use super::{Pair, Tokenizer};
use crate::error::Error;
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

/// Rows that were drawn from a task.
#[derive(Clone, Debug)]
pub struct DrawnRows {
    /// The rows as text and as tokens.
    pub rows: Vec<EncodedRow>,
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

    /// The row's tokens, with the tokens at the encoder's position.
    pub fn pair(&self, row: &Row) -> Result<Pair, Error> {
        self.encode(row.clone())?.pair(&self.position)
    }

    /// Tokenises a row: once for all positions.
    pub fn encode(&self, row: Row) -> Result<EncodedRow, Error> {
        match self.tokens(&row) {
            Ok(tokens) => Ok(EncodedRow::new(row, tokens)),
            Err(problem) => Err(Error::Data { place: row.place, problem }),
        }
    }

    /// Draws `count` interchanges of the named variables. The first token of an answer represents it.
    pub fn draw(
        &self,
        task: &dyn PromptTask,
        split: Split,
        variables: &[&str],
        count: usize,
        rng: &mut dyn Rng,
    ) -> Result<DrawnRows, Error> {
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
    ) -> Result<DrawnRows, Error> {
        self.collect(task.name(), count, &mut || task.sample_isolating(split, variables, rng))
    }

    fn collect(
        &self,
        name: &str,
        count: usize,
        sample: &mut dyn FnMut() -> Result<TextPair, Error>,
    ) -> Result<DrawnRows, Error> {
        let encoder = Self { first_token: true, ..self.clone() };
        let mut drawn = DrawnRows { rows: Vec::with_capacity(count), ambiguous: 0 };
        while drawn.rows.len() < count {
            let row = encoder.encode(Row::from_task(sample()?, name))?;
            if row.keeps_answer() && row.row().base_answer.as_ref() != Some(&row.row().label) {
                drawn.ambiguous += 1;
                if drawn.ambiguous > 100 * (count + 100) {
                    let problem = "nearly all answers have the same first token: use another model";
                    return Err(Error::Data { place: name.to_owned(), problem: problem.to_owned() });
                }
            } else {
                drawn.rows.push(row);
            }
        }
        Ok(drawn)
    }

    fn tokens(&self, row: &Row) -> Result<RowTokens, String> {
        let prompt =
            |text: &Text| self.tokenizer.encoded(&text.text, self.special_tokens).map_err(|error| error.to_string());
        let base = prompt(&row.base)?;
        if row.sources.is_empty() {
            let labels = self.answer_tokens(&row.base.text, &row.label, "completion")?;
            // The tokens of the completion but the last follow the prompt's own, and all of them are asked for.
            let whole = base.tokens.iter().chain(&labels[..labels.len() - 1]).copied().collect();
            return Ok(RowTokens { base, whole, sources: vec![], labels, base_answer: None, source_answers: vec![] });
        }
        let sources = row.sources.iter().map(|(_, source)| prompt(source)).collect::<Result<Vec<_>, String>>()?;
        let labels = vec![self.answer(&row.base.text, &row.label, "label")?];
        let base_answer = row.base_answer.as_ref();
        let base_answer = base_answer.map(|answer| self.answer(&row.base.text, answer, "base_answer")).transpose()?;
        let answers = row.sources.iter().zip(&row.source_answers).map(|((_, source), answer)| {
            answer.as_ref().map(|answer| self.answer(&source.text, answer, "source_answer")).transpose()
        });
        let source_answers = answers.collect::<Result<_, String>>()?;
        Ok(RowTokens { whole: base.tokens.clone(), base, sources, labels, base_answer, source_answers })
    }

    /// Returns the answer's token after the prompt; its first one if `first_token` is set.
    fn answer(&self, prompt: &str, answer: &str, key: &str) -> Result<u32, String> {
        let tokens = self.answer_tokens(prompt, answer, key)?;
        match tokens[..] {
            [token] => Ok(token),
            [token, ..] if self.first_token => Ok(token),
            _ => Err(format!("the {key} \"{answer}\" {}", self.tokenizer.several(&tokens))),
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
