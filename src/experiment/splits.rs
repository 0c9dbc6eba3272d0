//! The pairs of a recipe: to train on, to choose by, and to report on.

use std::path::PathBuf;

use burn::tensor::Device;

use super::random::{RandomStream, rng};
use crate::alignment::solved;
use crate::data::{self, EncodedRow, Encoder, Marks, Pair, Tokenizer, show};
use crate::error::Error;
use crate::hub;
use crate::models::LanguageModel;
use crate::monitor::Monitor;
use crate::recipe::Recipe;
use crate::report::Observer;
use crate::tasks::{Split, prompt_task};

/// One value for each split.
#[derive(Clone)]
pub struct Splits<T> {
    pub train: T,
    /// The split that decides when to stop, and which of several searches is best, where there is one.
    pub validation: Option<T>,
    /// The split that is reported; nothing is chosen by it.
    pub test: T,
}

impl<T> Splits<T> {
    /// Each split's name and value.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &T)> {
        let validation = self.validation.as_ref().map(|own| ("validation", own));
        std::iter::once(("train", &self.train)).chain(validation).chain(std::iter::once(("test", &self.test)))
    }

    pub fn map<U>(self, mut to: impl FnMut(T) -> Result<U, Error>) -> Result<Splits<U>, Error> {
        self.map_named(|_, value| to(value))
    }

    pub fn map_named<U>(self, mut to: impl FnMut(&'static str, T) -> Result<U, Error>) -> Result<Splits<U>, Error> {
        Ok(Splits {
            train: to("train", self.train)?,
            validation: self.validation.map(|own| to("validation", own)).transpose()?,
            test: to("test", self.test)?,
        })
    }

    pub fn as_ref(&self) -> Splits<&T> {
        Splits { train: &self.train, validation: self.validation.as_ref(), test: &self.test }
    }
}

/// The rows of each split, and the names of the variables that they swap, by number.
pub struct EncodedSplits {
    pub rows: Splits<Vec<EncodedRow>>,
    pub variables: Vec<String>,
}

#[derive(Clone)]
pub struct SolvedPairs {
    pub rows: Vec<EncodedRow>,
    pub pairs: Vec<Pair>,
    pub total: usize,
    /// The number of those that the model solves, where the answers are known.
    pub solved: Option<usize>,
}

impl EncodedSplits {
    /// From the recipe's files, or drawn from its task.
    pub fn new(recipe: &Recipe, encoder: &Encoder<'_>, monitor: &mut dyn Monitor) -> Result<Self, Error> {
        let data = recipe.data.clone().unwrap_or_default();
        let Some(task) = &recipe.task else {
            let needed = |path: &Option<PathBuf>| {
                path.clone().ok_or_else(|| Error::Invalid("a file of pairs is needed".to_owned()))
            };
            let files =
                Splits { train: needed(&data.train)?, validation: data.validation.clone(), test: needed(&data.test)? };
            let encode = |path: PathBuf| {
                let path = hub::data_file(&path, monitor)?;
                data::read(&path)?.into_iter().map(|row| encoder.encode(row)).collect()
            };
            let rows: Splits<Vec<EncodedRow>> = files.map(encode)?;
            let all = rows.iter().flat_map(|(_, rows)| rows).flat_map(|row| &row.row().sources);
            let variables = all.map(|(variable, _)| *variable).max();
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
        let draw = |split: Split, count: usize, stream: RandomStream| {
            let mut random = rng(recipe.seed, stream);
            let mut rows = Vec::with_capacity(count);
            for (at, variable) in variables.iter().enumerate() {
                let share = count / variables.len() + usize::from(at < count % variables.len());
                let isolating = if recipe.training.isolation > 0.0 { share / 2 } else { 0 };
                let (task, swap) = (task.as_ref(), [variable.as_str()]);
                let mut drawn = encoder.draw(task, split, &swap, share - isolating, &mut random)?.rows;
                drawn.extend(encoder.draw_isolating(task, split, &swap, isolating, &mut random)?.rows);
                drawn.iter_mut().for_each(|row| row.set_variable(at));
                rows.extend(drawn);
            }
            Ok::<_, Error>(rows)
        };
        let some = data.validation_pairs > 0;
        let rows = Splits {
            train: draw(Split::Train, data.train_pairs, RandomStream::Pairs)?,
            validation: some
                .then(|| draw(Split::Validation, data.validation_pairs, RandomStream::Validation))
                .transpose()?,
            test: draw(Split::Test, data.test_pairs, RandomStream::HeldOut)?,
        };
        Ok(Self { rows, variables })
    }
}

impl SolvedPairs {
    /// The pairs that the model solves, or all of them where the recipe says so.
    pub fn new(
        recipe: &Recipe,
        model: &dyn LanguageModel,
        mut pairs: Vec<Pair>,
        mut rows: Vec<EncodedRow>,
        device: &Device,
    ) -> Result<Self, Error> {
        let total = pairs.len();
        let known =
            pairs.iter().any(|pair| pair.base_answer.is_some() || pair.source_answers.iter().any(Option::is_some));
        let mut count = None;
        if known {
            let solved = solved(model, &pairs, device)?;
            count = Some(solved.iter().filter(|solved| **solved).count());
            if recipe.data.as_ref().is_none_or(|data| data.solved) {
                let both = rows.into_iter().zip(pairs).zip(solved).filter(|(_, solved)| *solved);
                (rows, pairs) = both.map(|(both, _)| both).unzip();
            }
        }
        if pairs.is_empty() {
            let problem = format!("the model solves none of the {total} pairs: data.solved = false keeps them all");
            return Err(Error::Invalid(problem));
        }
        Ok(Self { rows, pairs, total, solved: count })
    }
}

impl Splits<SolvedPairs> {
    pub fn explain(&self, tokenizer: &Tokenizer, observer: &mut dyn Observer) {
        for pair in self.train.pairs.iter().take(3) {
            observer.example(&show(pair, tokenizer, Marks::Brackets), &show(pair, tokenizer, Marks::Ansi));
        }
        for (name, pairs) in self.iter() {
            let solves = pairs.solved.map_or_else(
                || "the right answers are not known, so none was left out".to_owned(),
                |solved| format!("the model solves {solved} of {}", pairs.total),
            );
            observer.note(&format!("{name}: {} pairs; {solves}", pairs.pairs.len()));
        }
    }
}
