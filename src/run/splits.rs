//! The pairs of a recipe: to train on, to choose by, and to report on.

use std::path::PathBuf;

use burn::tensor::Device;

use super::{Stream, rng};
use crate::alignment::solved;
use crate::data::{self, Encoder, Marks, Pair, Row, Tokenizer, show};
use crate::error::Error;
use crate::models::LanguageModel;
use crate::recipe::Recipe;
use crate::tasks::{Split, prompt_task};

/// One of something for each split.
pub struct Splits<T> {
    /// For what the search is trained on.
    pub train: T,
    /// For what decides when to stop, and which of several searches is best, where there is such a split.
    pub validation: Option<T>,
    /// For what is reported; nothing is chosen by it.
    pub test: T,
}

impl<T> Splits<T> {
    /// Each split's name, and what there is for it.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &T)> {
        let validation = self.validation.as_ref().map(|own| ("validation", own));
        std::iter::once(("train", &self.train)).chain(validation).chain(std::iter::once(("test", &self.test)))
    }

    /// Something else for each, by the split's name and what there is for it.
    pub fn map<U>(self, mut to: impl FnMut(&'static str, T) -> Result<U, Error>) -> Result<Splits<U>, Error> {
        Ok(Splits {
            train: to("train", self.train)?,
            validation: self.validation.map(|own| to("validation", own)).transpose()?,
            test: to("test", self.test)?,
        })
    }

    /// References.
    pub fn as_ref(&self) -> Splits<&T> {
        Splits { train: &self.train, validation: self.validation.as_ref(), test: &self.test }
    }
}

/// The pairs of each split as text, and the names of the variables that they swap, by number.
pub struct Given {
    pub rows: Splits<Vec<Row>>,
    pub variables: Vec<String>,
}

/// Pairs of one split as text and as tokens, how many there were, and how many of those the model solves, where the
/// answers are known.
pub struct Kept {
    pub rows: Vec<Row>,
    pub pairs: Vec<Pair>,
    pub of: usize,
    pub solved: Option<usize>,
}

impl Given {
    /// From the recipe's files, or drawn from its task.
    pub fn new(recipe: &Recipe, encoder: &Encoder<'_>) -> Result<Self, Error> {
        let data = recipe.data.clone().unwrap_or_default();
        let Some(task) = &recipe.task else {
            let needed = |path: &Option<PathBuf>| {
                path.clone().ok_or_else(|| Error::Invalid("a file of pairs is needed".to_owned()))
            };
            let files =
                Splits { train: needed(&data.train)?, validation: data.validation.clone(), test: needed(&data.test)? };
            let rows = files.map(|_, path| data::read(&path))?;
            let all = rows.iter().flat_map(|(_, rows)| rows);
            let variables = all.flat_map(|row| row.sources.iter().map(|(variable, _)| *variable)).max();
            let name = |v: usize| match variables {
                None => "completion".to_owned(),
                Some(0) => "label".to_owned(),
                Some(_) => format!("variable {v}"),
            };
            return Ok(Self { rows, variables: (0..=variables.unwrap_or(0)).map(name).collect() });
        };
        let task = prompt_task(&task.name, recipe.seed)?;
        // Those with columns of their own, or all there are.
        let asked = &recipe.intervention.partition;
        let known = task.variables();
        let variables: Vec<String> = match asked.is_empty() {
            true => known.iter().map(|name| (*name).to_owned()).collect(),
            false => asked.keys().cloned().collect(),
        };
        let draw = |split: Split, count: usize, stream: Stream| {
            let mut random = rng(recipe.seed, stream);
            let mut rows = Vec::with_capacity(count);
            for (at, variable) in variables.iter().enumerate() {
                let share = count / variables.len() + usize::from(at < count % variables.len());
                let isolating = if recipe.training.isolation > 0.0 { share / 2 } else { 0 };
                let (task, swap) = (task.as_ref(), [variable.as_str()]);
                let mut drawn = encoder.draw(task, split, &swap, share - isolating, &mut random)?.rows;
                drawn.extend(encoder.draw_isolating(task, split, &swap, isolating, &mut random)?.rows);
                for source in drawn.iter_mut().flat_map(|row| &mut row.sources) {
                    source.0 = at;
                }
                rows.extend(drawn);
            }
            Ok::<_, Error>(rows)
        };
        let some = data.validation_pairs > 0;
        let rows = Splits {
            train: draw(Split::Train, data.train_pairs, Stream::Pairs)?,
            validation: some.then(|| draw(Split::Validation, data.validation_pairs, Stream::Validation)).transpose()?,
            test: draw(Split::Test, data.test_pairs, Stream::HeldOut)?,
        };
        Ok(Self { rows, variables })
    }
}

impl Kept {
    /// Those that the model solves, unless the recipe keeps them all.
    pub fn of(
        recipe: &Recipe,
        model: &dyn LanguageModel,
        mut pairs: Vec<Pair>,
        mut rows: Vec<Row>,
        device: &Device,
    ) -> Result<Self, Error> {
        let of = pairs.len();
        let known =
            pairs.iter().any(|pair| pair.base_answer.is_some() || pair.source_answers.iter().any(Option::is_some));
        let mut count = None;
        if known {
            let solved = solved(model, &pairs, device)?;
            count = Some(solved.iter().filter(|solved| **solved).count());
            if recipe.data.as_ref().is_none_or(|data| data.solved) {
                let kept = rows.into_iter().zip(pairs).zip(solved).filter(|(_, solved)| *solved);
                (rows, pairs) = kept.map(|(both, _)| both).unzip();
            }
        }
        if pairs.is_empty() {
            let problem = format!("the model solves none of the {of} pairs: data.solved = false keeps them all");
            return Err(Error::Invalid(problem));
        }
        Ok(Self { rows, pairs, of, solved: count })
    }
}

impl Splits<Kept> {
    /// Three examples with their intervened tokens marked, and how many pairs there are.
    pub fn explain(&self, tokenizer: &Tokenizer) {
        for pair in self.train.pairs.iter().take(3) {
            eprintln!("{}\n", show(pair, tokenizer, Marks::for_stderr()));
        }
        for (name, kept) in self.iter() {
            let solves = kept.solved.map_or_else(
                || "the right answers are not known, so none was left out".to_owned(),
                |solved| format!("the model solves {solved} of {}", kept.of),
            );
            eprintln!("{name}: {} pairs; {solves}", kept.pairs.len());
        }
    }
}
