//! Price tagging: a price lies between two bounds or not (Wu et al. 2023, arXiv 2305.08809).

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::CausalModel;
use super::prompt_task::{Balance, LanguageTask, TextPrompt};
use super::words::{SplitItems, pick};

/// Alpaca's template of an instruction with an input.
const TEMPLATE: &str = "Below is an instruction that describes a task, paired with an input that provides further \
context. Write a response that appropriately completes the request.\n\n### Instruction:\nPlease say yes only if it costs \
between {lower} and {upper} dollars, otherwise no.\n\n### Input:\n{amount} dollars\n\n### Response:\n";

/// A value of the causal model: a price in cents, or the result of a comparison with a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriceValue {
    /// A price in cents.
    Price(u32),
    /// The result of a comparison.
    Is(bool),
}

impl PriceValue {
    fn price(self) -> u32 {
        let Self::Price(cents) = self else { panic!("expected a price, not {self:?}") };
        cents
    }

    fn dollars(self) -> String {
        let cents = self.price();
        format!("{}.{:02}", cents / 100, cents % 100)
    }
}

/// Creates the task. The variables are `left`, `amount >= lower`, and `right`, `amount <= upper`.
///
/// Bounds are drawn as in the paper's released code: a width of 2.50 to 7.50 dollars anywhere between 0.05 and 9.95;
/// the amount lies below, within or above them, with probability 1/3 each. Labels are balanced as there: half of them
/// are "Yes" after the interchange, whether it changes the answer or not, so guessing reaches an IIA of 0.5. The seed
/// divides the amounts, in cents, between the splits.
#[must_use]
pub fn price_tagging(seed: u64) -> LanguageTask<PriceValue> {
    let amounts = SplitItems::new(&(1..=999).collect::<Vec<u32>>(), &mut ChaCha8Rng::seed_from_u64(seed));
    let mut model = CausalModel::<PriceValue>::new();
    let [lower, upper, amount] = ["lower", "upper", "amount"].map(|name| model.input(name));
    let left = model.variable("left", &[lower, amount], |v| PriceValue::Is(v[1].price() >= v[0].price()));
    let right = model.variable("right", &[upper, amount], |v| PriceValue::Is(v[1].price() <= v[0].price()));
    let within = model
        .variable("within", &[left, right], |v| PriceValue::Is(v.iter().all(|side| **side == PriceValue::Is(true))));
    LanguageTask {
        name: "price_tagging",
        question: "Is the price within the two bounds?",
        causal_model: model,
        aligned: vec![left, right],
        slots: &["lower", "upper", "amount", "last"],
        answers: &["Yes", "No"],
        inputs: Box::new(move |split, rng| {
            let width = rng.random_range(250..=750u32);
            let lower = rng.random_range(5..=995 - width);
            let upper = lower + width;
            let regions = [1..lower, lower..upper + 1, upper + 1..1000];
            let amount = loop {
                // A region below five cents may contain no amount of the split, so each try draws a new region.
                let region = pick(&regions, rng);
                let within: Vec<u32> = amounts.items(split).iter().copied().filter(|a| region.contains(a)).collect();
                if !within.is_empty() {
                    break pick(&within, rng);
                }
            };
            [lower, upper, amount].map(PriceValue::Price).to_vec()
        }),
        render: Box::new(move |setting| {
            let [low, high, cost] = [lower, upper, amount].map(|variable| setting[variable].dollars());
            TextPrompt::fill(TEMPLATE, &[("lower", &low), ("upper", &high), ("amount", &cost)])
        }),
        answer: Box::new(move |setting| if setting[within] == PriceValue::Is(true) { "Yes" } else { "No" }.to_owned()),
        balance: Balance::Labels(["Yes", "No"]),
    }
}
