//! From rows of text to pairs of tokens.

use rand::Rng;

use super::encoded_row::{EncodedRow, RowTokens};
use super::position::Position;
use super::row::{Row, Text};
use super::{Pair, Tokenizer};
use crate::error::Error;
use crate::tasks::{PromptTask, Split, TextPair};

/// How prompts and answers become tokens.
#[derive(Clone, Debug)]
pub struct Encoder<'a> {
    /// The model's tokenizer.
    pub tokenizer: &'a Tokenizer,
    /// Which tokens of base and sources are meant.
    pub position: Position,
    /// Begin prompts with the special tokens that the tokenizer has for that? Not by default.
    pub special_tokens: bool,
    /// May an answer's first token stand for the whole? Else an answer of several tokens is an error, the default.
    pub first_token: bool,
}

/// Rows that a task drew.
#[derive(Clone, Debug)]
pub struct Drawn {
    /// The rows as text and as tokens.
    pub rows: Vec<EncodedRow>,
    /// How many more were drawn and left out, for their label's token is also the base's own answer's, while the answers
    /// differ: first tokens alone cannot tell them apart.
    pub ambiguous: usize,
}

impl<'a> Encoder<'a> {
    /// Plain prompts, and answers of one token.
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

    /// Draws `count` interchanges of the named variables. The first tokens of answers stand for them.
    pub fn draw(
        &self,
        task: &dyn PromptTask,
        split: Split,
        variables: &[&str],
        count: usize,
        rng: &mut dyn Rng,
    ) -> Result<Drawn, Error> {
        self.collect(task.name(), count, &mut || task.sample(split, variables, rng))
    }

    /// The same, of interchanges that keep the base's answer.
    pub fn draw_isolating(
        &self,
        task: &dyn PromptTask,
        split: Split,
        variables: &[&str],
        count: usize,
        rng: &mut dyn Rng,
    ) -> Result<Drawn, Error> {
        self.collect(task.name(), count, &mut || task.sample_isolating(split, variables, rng))
    }

    fn collect(
        &self,
        name: &str,
        count: usize,
        sample: &mut dyn FnMut() -> Result<TextPair, Error>,
    ) -> Result<Drawn, Error> {
        let encoder = Self { first_token: true, ..self.clone() };
        let mut drawn = Drawn { rows: Vec::with_capacity(count), ambiguous: 0 };
        while drawn.rows.len() < count {
            let row = encoder.encode(Row::of_task(sample()?, name))?;
            if row.keeps_answer() && row.row().base_answer.as_ref() != Some(&row.row().label) {
                drawn.ambiguous += 1;
                if drawn.ambiguous > 100 * (count + 100) {
                    let problem = "the first tokens of its answers are nearly all the same with this tokenizer";
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

    /// The token with which the answer goes on after the prompt.
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

    /// The tokens with which the answer goes on after the prompt, one at least.
    ///
    /// Prompt and answer are tokenised together, and what follows the prompt's own tokens is the answer: a tokenizer
    /// that puts a space of its own before every text (Llama 2's) then gives the same token as the model would.
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
        // Where the prompt's last tokens change with the answer (it ends in a space, say), the model never sees this
        // text; the answer is then what it is alone.
        match whole.strip_prefix(&before[..]) {
            Some(tokens) if !tokens.is_empty() => Ok(tokens.to_vec()),
            _ => encode(answer),
        }
    }
}
