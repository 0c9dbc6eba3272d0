//! Language tasks: causal models whose inputs are told to a network as prompts.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use rand::{Rng, RngExt};

use super::{CausalModel, Counterfactual, GraphNode, Setting, Variable};
use crate::error::{Error, nearest};

/// Which part of a task's words is drawn from; no name, country, amount or thing is in two parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Split {
    /// What is trained on.
    Train,
    /// What decides when to stop, and which of several is best.
    Validation,
    /// What is reported.
    Test,
}

const SPLITS: [(Split, &str); 3] = [(Split::Train, "train"), (Split::Validation, "validation"), (Split::Test, "test")];

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(SPLITS[*self as usize].1)
    }
}

impl FromStr for Split {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let found = SPLITS.iter().find(|(_, known)| *known == name);
        found.map(|(split, _)| *split).ok_or_else(|| Error::Unknown {
            what: "split",
            name: name.to_owned(),
            hint: nearest(name, SPLITS.map(|(_, known)| known)),
        })
    }
}

/// A prompt, and where its named positions are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextPrompt {
    /// The prompt.
    pub text: String,
    /// The slots' names and the bytes of the text that they are.
    pub spans: Vec<(&'static str, Range<usize>)>,
}

impl TextPrompt {
    /// A template with each `{slot}` filled in; the slot `last` is the text's last character.
    ///
    /// # Panics
    /// When the template names a slot that is not among the parts.
    #[must_use]
    pub fn fill(template: &str, parts: &[(&'static str, &str)]) -> Self {
        let (mut text, mut spans) = (String::new(), Vec::new());
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').expect("a slot ends with }");
            let known = parts.iter().find(|(slot, _)| *slot == name);
            let (slot, part) = known.unwrap_or_else(|| panic!("nothing fills {{{name}}}"));
            text.push_str(before);
            spans.push((*slot, text.len()..text.len() + part.len()));
            text.push_str(part);
            rest = after;
        }
        text.push_str(rest);
        let last = text.char_indices().next_back().map_or(0, |(at, _)| at);
        spans.push(("last", last..text.len()));
        Self { text, spans }
    }

    /// Gives a slot a second name.
    ///
    /// # Panics
    /// When there is no such slot.
    #[must_use]
    pub(super) fn also(mut self, slot: &str, name: &'static str) -> Self {
        let span = self.span(slot).unwrap_or_else(|| panic!("no slot {slot}"));
        self.spans.push((name, span));
        self
    }

    /// The slot's bytes.
    #[must_use]
    pub fn span(&self, slot: &str) -> Option<Range<usize>> {
        self.spans.iter().find(|(name, _)| *name == slot).map(|(_, span)| span.clone())
    }

    /// The slot's text.
    #[must_use]
    pub fn part(&self, slot: &str) -> Option<&str> {
        self.span(slot).map(|span| &self.text[span])
    }
}

/// One interchange of prompts. Answers are what follows the prompt, a leading space included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextPair {
    /// The prompt that is intervened on.
    pub base: TextPrompt,
    /// For each swapped variable its number among the task's, and the prompt that its value comes from.
    pub sources: Vec<(usize, TextPrompt)>,
    /// What the causal model says after the interchange.
    pub label: String,
    /// What it says of the base itself.
    pub base_answer: String,
    /// What it says of each source itself.
    pub source_answers: Vec<String>,
}

/// A language task as the alignment search sees it, whatever its causal model's values are.
pub trait PromptTask: Send + Sync {
    /// The task's name in recipes.
    fn name(&self) -> &str;
    /// What the model is asked, in a sentence.
    fn question(&self) -> &str;
    /// The causal model's variables and their parents.
    fn graph(&self) -> Vec<GraphNode>;
    /// The names of the variables that an alignment may look for.
    fn variables(&self) -> Vec<&str>;
    /// The named positions of its prompts; every prompt has all of them.
    fn slots(&self) -> Vec<&str>;
    /// All answers that there are, where they are few; else empty.
    fn answers(&self) -> Vec<&str>;
    /// Draws an interchange of the named variables, one source each; a base, sources and label as the task balances them.
    fn sample(&self, split: Split, variables: &[&str], rng: &mut dyn Rng) -> Result<TextPair, Error>;
    /// Draws an interchange of the named variables that keeps the base's answer, for its output reads others; a swap of
    /// all variables would change it. An intervention that isolates a variable has to keep it too (RAVEL, Huang et al.
    /// 2024, arXiv 2402.17700).
    fn sample_isolating(&self, split: Split, variables: &[&str], rng: &mut dyn Rng) -> Result<TextPair, Error>;
}

/// Which interchanges are kept of those that are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Balance {
    /// Those that change the answer: a network that ignores the intervention scores 0.
    Changes,
    /// Each of these labels equally often, whether it changes the answer or not: guessing scores one half.
    Labels([&'static str; 2]),
}

/// How inputs are drawn from a split.
pub type Inputs<V> = Box<dyn Fn(Split, &mut dyn Rng) -> Vec<V> + Send + Sync>;
/// How a setting is told as a prompt.
pub type Render<V> = Box<dyn Fn(&Setting<V>) -> TextPrompt + Send + Sync>;
/// What a setting's output is called.
pub type Answer<V> = Box<dyn Fn(&Setting<V>) -> String + Send + Sync>;

/// A causal model with its prompts.
pub struct LanguageTask<V> {
    /// The task's name in recipes.
    pub name: &'static str,
    /// What the model is asked, in a sentence.
    pub question: &'static str,
    /// What ought to be computed.
    pub causal_model: CausalModel<V>,
    /// Which variables an alignment may look for.
    pub aligned: Vec<Variable>,
    /// The named positions of every prompt.
    pub slots: &'static [&'static str],
    /// All answers that there are, where they are few.
    pub answers: &'static [&'static str],
    /// How inputs are drawn from a split.
    pub inputs: Inputs<V>,
    /// How a setting is told as a prompt.
    pub render: Render<V>,
    /// What follows the prompt.
    pub answer: Answer<V>,
    /// Which interchanges are kept.
    pub balance: Balance,
}

impl<V: Clone + PartialEq + Send + Sync> LanguageTask<V> {
    fn find(&self, name: &str) -> Result<usize, Error> {
        let known = self.variables();
        known.iter().position(|known| *known == name).ok_or_else(|| Error::Unknown {
            what: "variable",
            name: name.to_owned(),
            hint: nearest(name, known.iter().copied()),
        })
    }

    /// The numbers of the named variables; at least one.
    fn swapped(&self, variables: &[&str]) -> Result<Vec<usize>, Error> {
        if variables.is_empty() {
            return Err(Error::Invalid(format!(
                "{}: no variable to swap; there are: {}",
                self.name,
                self.variables().join(", ")
            )));
        }
        variables.iter().map(|name| self.find(name)).collect()
    }

    fn draw(&self, split: Split, rng: &mut dyn Rng) -> Result<Setting<V>, Error> {
        self.causal_model.run(&(self.inputs)(split, rng))
    }

    /// A base, and a source for each variable, whatever the answers are.
    fn interchange(&self, split: Split, swapped: &[usize], rng: &mut dyn Rng) -> Result<Counterfactual<V>, Error> {
        let base = self.draw(split, rng)?;
        let sources = swapped.iter().map(|at| Ok((self.aligned[*at], self.draw(split, rng)?)));
        Ok(self.causal_model.counterfactual(base, sources.collect::<Result<_, Error>>()?))
    }

    /// As prompts.
    fn told(&self, swapped: &[usize], drawn: &Counterfactual<V>) -> TextPair {
        let sources = swapped.iter().zip(&drawn.sources);
        TextPair {
            base: (self.render)(&drawn.base),
            sources: sources.map(|(at, (_, source))| (*at, (self.render)(source))).collect(),
            source_answers: drawn.sources.iter().map(|(_, source)| (self.answer)(source)).collect(),
            label: (self.answer)(&drawn.outcome),
            base_answer: (self.answer)(&drawn.base),
        }
    }
}

/// Draws until a wanted interchange has come by; after so many there is none.
const DRAWS: usize = 10_000;

impl<V: Clone + PartialEq + Send + Sync> PromptTask for LanguageTask<V> {
    fn name(&self) -> &str {
        self.name
    }

    fn question(&self) -> &str {
        self.question
    }

    fn graph(&self) -> Vec<GraphNode> {
        self.causal_model.graph(&self.aligned)
    }

    fn variables(&self) -> Vec<&str> {
        self.aligned.iter().map(|variable| self.causal_model.name(*variable)).collect()
    }

    fn slots(&self) -> Vec<&str> {
        self.slots.to_vec()
    }

    fn answers(&self) -> Vec<&str> {
        self.answers.to_vec()
    }

    fn sample(&self, split: Split, variables: &[&str], rng: &mut dyn Rng) -> Result<TextPair, Error> {
        let swapped = self.swapped(variables)?;
        let wanted = match self.balance {
            Balance::Changes => None,
            Balance::Labels(labels) => Some(labels[rng.random_range(0..labels.len())]),
        };
        for _ in 0..DRAWS {
            let drawn = self.interchange(split, &swapped, rng)?;
            let (label, base_answer) = ((self.answer)(&drawn.outcome), (self.answer)(&drawn.base));
            if wanted.map_or(label != base_answer, |wanted| label == wanted) {
                return Ok(self.told(&swapped, &drawn));
            }
        }
        let swap = variables.join("+");
        Err(Error::Invalid(format!(
            "{}: in {DRAWS} draws no swap of {swap} gave the answer that was wanted",
            self.name
        )))
    }

    fn sample_isolating(&self, split: Split, variables: &[&str], rng: &mut dyn Rng) -> Result<TextPair, Error> {
        let swapped = self.swapped(variables)?;
        for _ in 0..DRAWS {
            let drawn = self.interchange(split, &swapped, rng)?;
            let all: Vec<(Variable, &Setting<V>)> =
                self.aligned.iter().map(|variable| (*variable, &drawn.sources[0].1)).collect();
            let full = self.causal_model.interchange(&drawn.base, &all);
            let [kept, own, full] = [&drawn.outcome, &drawn.base, &full].map(|setting| (self.answer)(setting));
            let differs = drawn.sources.iter().all(|(variable, source)| source[*variable] != drawn.base[*variable]);
            if differs && kept == own && full != own {
                return Ok(self.told(&swapped, &drawn));
            }
        }
        let swap = variables.join("+");
        Err(Error::Invalid(format!(
            "{}: in {DRAWS} draws no swap of {swap} kept an answer that a swap of everything changes",
            self.name
        )))
    }
}
