//! `examples.json`: what the model says of some test pairs, before the intervention and after it.

use std::collections::BTreeSet;
use std::path::Path;

use burn::tensor::{DType, Tensor, activation};

use crate::alignment::interchange::{Batch, interchange};
use crate::alignment::{Candidate, Problem, Rewrite};
use crate::data::{self, Pair, Prompt, Tokenizer};
use crate::error::Error;
use crate::files;
use crate::report::page::{Example, NextToken, Piece};
use crate::tasks::Split;

pub const FILE: &str = "examples.json";
/// Pairs that are shown, from beginning to end of the test pairs.
const SHOWN: usize = 8;
/// Next tokens that are shown.
const LIKELIEST: usize = 5;

/// The test pairs that examples are chosen from.
pub struct TestExamples<'a> {
    pub tokenizer: &'a Tokenizer,
    pub variables: &'a [String],
    pub pairs: &'a [Pair],
}

impl TestExamples<'_> {
    /// Writes some of the test pairs, evenly spaced, with the likeliest next tokens.
    pub fn write(&self, problem: &dyn Problem, candidate: &Candidate, folder: &Path) -> Result<(), Error> {
        let Some(test) = problem.held_out(Split::Test) else { return Ok(()) };
        let chosen: BTreeSet<usize> = (0..SHOWN).map(|at| at * test.len() / SHOWN).collect();
        let chosen: Vec<usize> = chosen.into_iter().collect();
        // All classes, whatever the answers are restricted to.
        let batch = Batch { choices: None, ..test.batch(&chosen)? };
        let unchanged = interchange(problem.model(), &batch, &|_, base| base)?;
        let edit = |place, base| candidate.rewrite(place, &base, &batch, 0..batch.len());
        let changed = interchange(problem.model(), &batch, &edit)?;
        let tokens = self.likeliest(unchanged).into_iter().zip(self.likeliest(changed));
        let examples = chosen.into_iter().zip(tokens).map(|(pair, (before, after))| self.example(pair, before, after));
        files::write_json(&folder.join(FILE), &examples.collect::<Vec<Example>>())
    }

    fn example(&self, pair: usize, before: Vec<NextToken>, after: Vec<NextToken>) -> Example {
        let pair = &self.pairs[pair];
        Example {
            swapped: pair.sources.iter().map(|(variable, _)| self.variables[*variable].clone()).collect(),
            base: self.pieces(&pair.base),
            sources: pair.sources.iter().map(|(_, source)| self.pieces(source)).collect(),
            label: pair.labels.iter().map(|label| self.tokenizer.token(*label)).collect(),
            before,
            after,
        }
    }

    fn pieces(&self, prompt: &Prompt) -> Vec<Piece> {
        let pieces = data::pieces(prompt, self.tokenizer).into_iter();
        pieces.map(|(text, marked)| Piece { text, marked }).collect()
    }

    /// The likeliest tokens at each example's first answer, from logits `[batch, answers, classes]`.
    fn likeliest(&self, logits: Tensor<3>) -> Vec<Vec<NextToken>> {
        let [batch, _, classes] = logits.dims();
        let logits = logits.slice([0..batch, 0..1, 0..classes]);
        let probabilities: Vec<f32> =
            activation::softmax(logits.cast(DType::F32), 2).into_data().iter::<f32>().collect();
        let of = |probabilities: &[f32]| {
            let mut order: Vec<usize> = (0..classes).collect();
            order.sort_by(|a, b| probabilities[*b].total_cmp(&probabilities[*a]));
            let said = |token: &usize| NextToken {
                token: self.tokenizer.token(*token as u32),
                probability: f64::from(probabilities[*token]),
            };
            order.iter().take(LIKELIEST).map(said).collect()
        };
        probabilities.chunks_exact(classes).map(of).collect()
    }
}
