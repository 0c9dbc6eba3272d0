//! Countries and their capitals.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::CausalModel;
use super::prompt_task::{Balance, LanguageTask, TextPrompt};
use super::words::SplitItems;

const CAPITALS: [(&str, &str); 60] = [
    ("Afghanistan", "Kabul"),
    ("Algeria", "Algiers"),
    ("Argentina", "Buenos Aires"),
    ("Armenia", "Yerevan"),
    ("Australia", "Canberra"),
    ("Austria", "Vienna"),
    ("Bangladesh", "Dhaka"),
    ("Belgium", "Brussels"),
    ("Bulgaria", "Sofia"),
    ("Canada", "Ottawa"),
    ("Chile", "Santiago"),
    ("China", "Beijing"),
    ("Colombia", "Bogotá"),
    ("Croatia", "Zagreb"),
    ("Cuba", "Havana"),
    ("Denmark", "Copenhagen"),
    ("Ecuador", "Quito"),
    ("Egypt", "Cairo"),
    ("England", "London"),
    ("Estonia", "Tallinn"),
    ("Ethiopia", "Addis Ababa"),
    ("Finland", "Helsinki"),
    ("France", "Paris"),
    ("Germany", "Berlin"),
    ("Ghana", "Accra"),
    ("Greece", "Athens"),
    ("Hungary", "Budapest"),
    ("Iceland", "Reykjavik"),
    ("India", "New Delhi"),
    ("Indonesia", "Jakarta"),
    ("Iran", "Tehran"),
    ("Iraq", "Baghdad"),
    ("Ireland", "Dublin"),
    ("Italy", "Rome"),
    ("Jamaica", "Kingston"),
    ("Japan", "Tokyo"),
    ("Kenya", "Nairobi"),
    ("Lebanon", "Beirut"),
    ("Libya", "Tripoli"),
    ("Morocco", "Rabat"),
    ("Nepal", "Kathmandu"),
    ("Norway", "Oslo"),
    ("Pakistan", "Islamabad"),
    ("Peru", "Lima"),
    ("Poland", "Warsaw"),
    ("Portugal", "Lisbon"),
    ("Romania", "Bucharest"),
    ("Russia", "Moscow"),
    ("Serbia", "Belgrade"),
    ("South Korea", "Seoul"),
    ("Spain", "Madrid"),
    ("Sweden", "Stockholm"),
    ("Syria", "Damascus"),
    ("Taiwan", "Taipei"),
    ("Thailand", "Bangkok"),
    ("Turkey", "Ankara"),
    ("Uganda", "Kampala"),
    ("Ukraine", "Kyiv"),
    ("Venezuela", "Caracas"),
    ("Vietnam", "Hanoi"),
];

/// Creates the task "The capital of {country} is the city of"; the answer is the country's capital.
///
/// The variable is `capital`. Interchanges always change the answer. The seed divides the countries between the splits.
/// Most capitals have several tokens; the first token represents the capital, as is usual with RAVEL (Huang et al.
/// 2024, arXiv 2402.17700).
#[must_use]
pub fn country_capital(seed: u64) -> LanguageTask<&'static str> {
    let countries = SplitItems::new(&CAPITALS.map(|(country, _)| country), &mut ChaCha8Rng::seed_from_u64(seed));
    let mut model = CausalModel::<&str>::new();
    let country = model.input("country");
    let capital = model.variable("capital", &[country], |v| capital_of(v[0]));
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

/// Returns the country's capital.
///
/// # Panics
/// If the country is not in [`CAPITALS`].
pub(super) fn capital_of(country: &str) -> &'static str {
    let known = CAPITALS.iter().find(|(known, _)| *known == country);
    known.expect("the country is in CAPITALS").1
}
