//! Several attributes of one entity: a country's capital, language and continent.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::CausalModel;
use super::country_capital::{COUNTRIES, country_row};
use super::prompt_task::{Balance, LanguageTask, TextPrompt};
use super::words::{SplitItems, pick};

/// The attributes and their templates. The country comes first, so that the tokens up to its name do not determine the
/// attribute.
const QUESTIONS: [(&str, &str); 3] = [
    ("capital", "A fact about {country}: its capital is the city of"),
    ("language", "A fact about {country}: the language spoken by most people is"),
    ("continent", "A fact about {country}: it is located on the continent of"),
];

/// Creates the task "A fact about {country}: its capital is the city of"; the answer is one attribute of the country.
///
/// The variables are `capital`, `language` and `continent`, each a function of the country. The question selects one of
/// them as the answer, so an interchange of the others must not change it, as in RAVEL (Huang et al. 2024, arXiv
/// 2402.17700). Interchanges change the answer; those of `sample_isolating` do not. The seed divides the countries
/// between the splits. The first token of an answer represents it.
#[must_use]
pub fn country_attributes(seed: u64) -> LanguageTask<&'static str> {
    let known: Vec<&str> = COUNTRIES.iter().filter(|row| !row[2].is_empty()).map(|row| row[0]).collect();
    let countries = SplitItems::new(&known, &mut ChaCha8Rng::seed_from_u64(seed));
    let mut model = CausalModel::<&str>::new();
    let [country, question] = ["country", "question"].map(|name| model.input(name));
    let capital = model.variable("capital", &[country], |v| country_row(v[0])[1]);
    let language = model.variable("language", &[country], |v| country_row(v[0])[2]);
    let continent = model.variable("continent", &[country], |v| country_row(v[0])[3]);
    let answer = model.variable("answer", &[question, capital, language, continent], |v| {
        let attribute = QUESTIONS.iter().position(|(name, _)| name == v[0]);
        v[1 + attribute.expect("the question is in QUESTIONS")]
    });
    LanguageTask {
        name: "country_attributes",
        question: "What is the capital of this country, its language, or its continent?",
        causal_model: model,
        aligned: vec![capital, language, continent],
        slots: &["country", "last"],
        answers: &[],
        inputs: Box::new(move |split, rng| vec![countries.draw(split, rng), pick(&QUESTIONS, rng).0]),
        render: Box::new(move |setting| {
            let attribute = QUESTIONS.iter().find(|(name, _)| *name == setting[question]);
            TextPrompt::fill(attribute.expect("the question is in QUESTIONS").1, &[("country", setting[country])])
        }),
        answer: Box::new(move |setting| format!(" {}", setting[answer])),
        balance: Balance::Changes,
    }
}
