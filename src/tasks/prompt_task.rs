//! Language tasks: causal models whose inputs are rendered as prompts.

use std::ops::Range;

use rand::{Rng, RngExt};

use super::{CausalModel, Counterfactual, GraphNode, Setting, Variable};
use crate::error::{Error, named, nearest};

/// One of the three disjoint parts of a task's words: no name, country, amount or thing is in two parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Split {
    /// For training.
    Train,
    /// For early stopping and for the choice of the best candidate.
    Validation,
    /// For the reported results.
    Test,
}

impl Split {
    const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];

    const fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

named!(Split, "split");

/// A prompt with its named positions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextPrompt {
    /// The prompt.
    pub text: String,
    /// The slots' names and their byte ranges in the text.
    pub spans: Vec<(&'static str, Range<usize>)>,
}

impl TextPrompt {
    /// Fills in each `{slot}` of a template; the slot `last` is the text's last character.
    ///
    /// # Panics
    /// If `parts` has no text for a slot of the template.
    #[must_use]
    pub fn fill(template: &str, parts: &[(&'static str, &str)]) -> Self {
        let (mut text, mut spans) = (String::new(), Vec::new());
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').expect("a slot ends with `}`");
            let known = parts.iter().find(|(slot, _)| *slot == name);
            let (slot, part) = known.unwrap_or_else(|| panic!("no text for the slot `{name}` of the template"));
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

    /// Adds a second name for a slot.
    ///
    /// # Panics
    /// If the slot does not exist.
    #[must_use]
    pub(super) fn alias(mut self, slot: &str, name: &'static str) -> Self {
        let span = self.span(slot).unwrap_or_else(|| panic!("the prompt has no slot `{slot}`"));
        self.spans.push((name, span));
        self
    }

    /// Returns the slot's byte range; `None` if there is no such slot.
    #[must_use]
    pub fn span(&self, slot: &str) -> Option<Range<usize>> {
        self.spans.iter().find(|(name, _)| *name == slot).map(|(_, span)| span.clone())
    }

    /// Returns the slot's text; `None` if there is no such slot.
    #[must_use]
    pub fn part(&self, slot: &str) -> Option<&str> {
        self.span(slot).map(|span| &self.text[span])
    }
}

/// One interchange of prompts. An answer is the text that follows the prompt, including its leading space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextPair {
    /// The prompt that is intervened on.
    pub base: TextPrompt,
    /// For each swapped variable, its index among the task's variables and the prompt that supplies its value.
    pub sources: Vec<(usize, TextPrompt)>,
    /// The causal model's answer after the interchange.
    pub label: String,
    /// The causal model's answer to the base.
    pub base_answer: String,
    /// The causal model's answer to each source.
    pub source_answers: Vec<String>,
}

/// The interface of a language task to the alignment search, independent of the causal model's type of values.
pub trait PromptTask: Send + Sync {
    /// Returns the task's name in recipes.
    fn name(&self) -> &str;
    /// Returns the question that the model has to answer, one sentence.
    fn question(&self) -> &str;
    /// Returns the causal model's variables and their parents.
    fn graph(&self) -> Vec<GraphNode>;
    /// Returns the names of the variables that an alignment may search for.
    fn variables(&self) -> Vec<&str>;
    /// Returns the named positions of the task's prompts; every prompt has all of them.
    fn slots(&self) -> Vec<&str>;
    /// Returns all possible answers if there are only a few; else empty.
    fn answers(&self) -> Vec<&str>;
    /// Draws an interchange of the named variables with one source for each, balanced according to [`Balance`]. An
    /// unknown variable is an error.
    fn sample(&self, split: Split, variables: &[&str], rng: &mut dyn Rng) -> Result<TextPair, Error>;
    /// Draws an interchange of the named variables that does not change the base's answer, which depends on other
    /// variables; a swap of all variables would change it. An intervention that isolates a variable must not change it
    /// either (RAVEL, Huang et al. 2024, arXiv 2402.17700). An error if the task has no such interchange.
    fn sample_isolating(&self, split: Split, variables: &[&str], rng: &mut dyn Rng) -> Result<TextPair, Error>;
}

/// The condition that a drawn interchange has to meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Balance {
    /// It changes the answer: a network that ignores the intervention scores 0.
    Changes,
    /// Both labels are equally frequent, whether the answer changes or not: guessing scores 0.5.
    Labels([&'static str; 2]),
}

/// A function that draws inputs from a split.
pub type Inputs<V> = Box<dyn Fn(Split, &mut dyn Rng) -> Vec<V> + Send + Sync>;
/// A function that renders a setting as a prompt.
pub type Render<V> = Box<dyn Fn(&Setting<V>) -> TextPrompt + Send + Sync>;
/// A function that returns the answer of a setting as text.
pub type Answer<V> = Box<dyn Fn(&Setting<V>) -> String + Send + Sync>;

/// A causal model with its prompts.
pub struct LanguageTask<V> {
    /// The task's name in recipes.
    pub name: &'static str,
    /// The question that the model has to answer, one sentence.
    pub question: &'static str,
    /// The hypothesis about what the model computes.
    pub causal_model: CausalModel<V>,
    /// The variables that an alignment may search for.
    pub aligned: Vec<Variable>,
    /// The named positions of every prompt.
    pub slots: &'static [&'static str],
    /// All possible answers if there are only a few; else empty.
    pub answers: &'static [&'static str],
    /// Draws inputs from a split.
    pub inputs: Inputs<V>,
    /// Renders a setting as a prompt.
    pub render: Render<V>,
    /// Returns the text that follows a setting's prompt.
    pub answer: Answer<V>,
    /// The condition that a drawn interchange has to meet.
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

    /// Returns the indices of the named variables, at least one.
    fn swapped(&self, variables: &[&str]) -> Result<Vec<usize>, Error> {
        if variables.is_empty() {
            return Err(Error::Invalid(format!(
                "{}: at least one variable has to be swapped; there are: {}",
                self.name,
                self.variables().join(", ")
            )));
        }
        variables.iter().map(|name| self.find(name)).collect()
    }

    fn draw(&self, split: Split, rng: &mut dyn Rng) -> Result<Setting<V>, Error> {
        self.causal_model.run(&(self.inputs)(split, rng))
    }

    /// Draws a base and a source for each variable, without a condition on the answers.
    fn interchange(&self, split: Split, swapped: &[usize], rng: &mut dyn Rng) -> Result<Counterfactual<V>, Error> {
        let base = self.draw(split, rng)?;
        let sources = swapped.iter().map(|variable| Ok((self.aligned[*variable], self.draw(split, rng)?)));
        Ok(self.causal_model.counterfactual(base, sources.collect::<Result<_, Error>>()?))
    }

    /// Renders an interchange as prompts and answers.
    fn text_pair(&self, swapped: &[usize], drawn: &Counterfactual<V>) -> TextPair {
        let sources = swapped.iter().zip(&drawn.sources);
        TextPair {
            base: (self.render)(&drawn.base),
            sources: sources.map(|(variable, (_, source))| (*variable, (self.render)(source))).collect(),
            source_answers: drawn.sources.iter().map(|(_, source)| (self.answer)(source)).collect(),
            label: (self.answer)(&drawn.outcome),
            base_answer: (self.answer)(&drawn.base),
        }
    }
}

/// The number of draws after which the search for an interchange ends with an error.
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
                return Ok(self.text_pair(&swapped, &drawn));
            }
        }
        let swap = variables.join("+");
        Err(Error::Invalid(format!(
            "{}: in {DRAWS} draws, no swap of {swap} gave the required answer; another variable or split is needed",
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
            let [label, base, full] = [&drawn.outcome, &drawn.base, &full].map(|setting| (self.answer)(setting));
            let differs = drawn.sources.iter().all(|(variable, source)| source[*variable] != drawn.base[*variable]);
            if differs && label == base && full != base {
                return Ok(self.text_pair(&swapped, &drawn));
            }
        }
        let swap = variables.join("+");
        Err(Error::Invalid(format!(
            "{}: in {DRAWS} draws, no swap of {swap} kept an answer that a swap of all variables changes",
            self.name
        )))
    }
}
