//! From rows of text to pairs of tokens.

use std::ops::Range;

use rand::Rng;

use super::position::{Position, Take};
use super::row::{Row, Text};
use super::tokenizer::Encoded;
use super::{Pair, Prompt, Tokenizer};
use crate::error::{Error, nearest};
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

/// Pairs that a task drew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drawn {
    /// The pairs.
    pub pairs: Vec<Pair>,
    /// The pairs as text, one for one.
    pub rows: Vec<Row>,
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

    /// The row's tokens.
    pub fn pair(&self, row: &Row) -> Result<Pair, Error> {
        self.encode(row).map_err(|problem| Error::Data { place: row.place.clone(), problem })
    }

    /// The rows' tokens.
    pub fn pairs(&self, rows: &[Row]) -> Result<Vec<Pair>, Error> {
        rows.iter().map(|row| self.pair(row)).collect()
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
        let mut drawn = Drawn { pairs: Vec::with_capacity(count), rows: Vec::with_capacity(count), ambiguous: 0 };
        while drawn.pairs.len() < count {
            let row = Row::of_task(sample()?, name);
            let pair = encoder.pair(&row)?;
            if pair.keeps_answer() && row.base_answer.as_ref() != Some(&row.label) {
                drawn.ambiguous += 1;
                if drawn.ambiguous > 100 * (count + 100) {
                    let problem = "the first tokens of its answers are nearly all the same with this tokenizer";
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
            let [here, there] = [&base, source].map(|prompt| prompt.positions.len());
            if here != there {
                return Err(format!(
                    "position `{}` is {here} tokens of the base and {there} of the source: as many are needed",
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

    /// A prompt that is gone on with: the answer's tokens but the last follow the prompt's own, and all are asked for.
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
                    "position {index} is not there: the {which} \"{}\" has {count} tokens, counted from 0",
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
        if let (Some(given), "span") = (&text.positions, slot.as_str()) {
            return given.iter().map(|index| from_index(*index)).collect();
        }
        let span = text.spans.iter().find(|(name, _)| name == slot).map(|(_, span)| span.clone());
        let span: Range<usize> = span.ok_or_else(|| {
            if slot == "span" {
                return format!("no `{which}_span` and no `{which}_position` says which tokens are meant");
            }
            format!("there is no position `{slot}`{}", nearest(slot, text.spans.iter().map(|(name, _)| name.as_str())))
        })?;
        let tokens =
            encoded.touching(&span).ok_or_else(|| format!("no token holds \"{}\"", &text.text[span.clone()]))?;
        Ok(match take {
            Take::First => vec![tokens.start],
            Take::Last => vec![tokens.end - 1],
            Take::All => tokens.collect(),
        })
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
