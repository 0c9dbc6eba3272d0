//! Countries and their capitals.

use std::sync::LazyLock;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::CausalModel;
use super::prompt_task::{Balance, LanguageTask, TextPrompt};
use super::words::{SplitItems, table};

/// Countries with their capital, their most spoken language and their continent. The last two are empty where an answer
/// is disputed.
pub(super) static COUNTRIES: LazyLock<Vec<[&str; 4]>> = LazyLock::new(|| table(include_str!("words/countries.tsv")));

/// Creates the task "The capital of {country} is the city of"; the answer is the country's capital.
///
/// The variable is `capital`. Interchanges always change the answer. The seed divides the countries between the splits.
/// Most capitals have several tokens; the first token represents the capital, as is usual with RAVEL (Huang et al.
/// 2024, arXiv 2402.17700).
#[must_use]
pub fn country_capital(seed: u64) -> LanguageTask<&'static str> {
    let countries =
        SplitItems::new(&COUNTRIES.iter().map(|row| row[0]).collect::<Vec<_>>(), &mut ChaCha8Rng::seed_from_u64(seed));
    let mut model = CausalModel::<&str>::new();
    let country = model.input("country");
    let capital = model.variable("capital", &[country], |v| country_row(v[0])[1]);
    LanguageTask {
        name: "country_capital",
        question: "What is the capital of this country?",
        causal_model: model,
        aligned: vec![capital],
        slots: &["country", "last"],
        answers: &[],
        inputs: Box::new(move |split, rng| vec![countries.draw(split, rng)]),
        render: Box::new(move |setting| {
            TextPrompt::fill("The capital of {country} is the city of", &[("country", setting[country])])
        }),
        answer: Box::new(move |setting| format!(" {}", setting[capital])),
        balance: Balance::Changes,
    }
}

/// The row of a country in [`COUNTRIES`], which has to contain it.
pub(super) fn country_row(country: &str) -> &'static [&'static str; 4] {
    COUNTRIES.iter().find(|row| row[0] == country).expect("the country is in COUNTRIES")
}
