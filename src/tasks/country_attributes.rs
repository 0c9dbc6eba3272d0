//! Several attributes of one entity: a country's capital, language and continent.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::CausalModel;
use super::country_capital::capital_of;
use super::prompt_task::{Balance, LanguageTask, TextPrompt};
use super::words::{SplitItems, pick};

/// Countries with their most spoken language and their continent; countries with a disputed answer are left out.
const COUNTRIES: [(&str, &str, &str); 52] = [
    ("Algeria", "Arabic", "Africa"),
    ("Argentina", "Spanish", "South America"),
    ("Austria", "German", "Europe"),
    ("Bangladesh", "Bengali", "Asia"),
    ("Bulgaria", "Bulgarian", "Europe"),
    ("Chile", "Spanish", "South America"),
    ("China", "Chinese", "Asia"),
    ("Colombia", "Spanish", "South America"),
    ("Croatia", "Croatian", "Europe"),
    ("Denmark", "Danish", "Europe"),
    ("Ecuador", "Spanish", "South America"),
    ("Egypt", "Arabic", "Africa"),
    ("England", "English", "Europe"),
    ("Estonia", "Estonian", "Europe"),
    ("Ethiopia", "Amharic", "Africa"),
    ("Finland", "Finnish", "Europe"),
    ("France", "French", "Europe"),
    ("Germany", "German", "Europe"),
    ("Ghana", "English", "Africa"),
    ("Greece", "Greek", "Europe"),
    ("Hungary", "Hungarian", "Europe"),
    ("Iceland", "Icelandic", "Europe"),
    ("India", "Hindi", "Asia"),
    ("Indonesia", "Indonesian", "Asia"),
    ("Iran", "Persian", "Asia"),
    ("Iraq", "Arabic", "Asia"),
    ("Ireland", "English", "Europe"),
    ("Italy", "Italian", "Europe"),
    ("Jamaica", "English", "North America"),
    ("Japan", "Japanese", "Asia"),
    ("Kenya", "Swahili", "Africa"),
    ("Lebanon", "Arabic", "Asia"),
    ("Libya", "Arabic", "Africa"),
    ("Morocco", "Arabic", "Africa"),
    ("Nepal", "Nepali", "Asia"),
    ("Norway", "Norwegian", "Europe"),
    ("Pakistan", "Urdu", "Asia"),
    ("Peru", "Spanish", "South America"),
    ("Poland", "Polish", "Europe"),
    ("Portugal", "Portuguese", "Europe"),
    ("Romania", "Romanian", "Europe"),
    ("Serbia", "Serbian", "Europe"),
    ("South Korea", "Korean", "Asia"),
    ("Spain", "Spanish", "Europe"),
    ("Sweden", "Swedish", "Europe"),
    ("Syria", "Arabic", "Asia"),
    ("Taiwan", "Chinese", "Asia"),
    ("Thailand", "Thai", "Asia"),
    ("Uganda", "English", "Africa"),
    ("Ukraine", "Ukrainian", "Europe"),
    ("Venezuela", "Spanish", "South America"),
    ("Vietnam", "Vietnamese", "Asia"),
];

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
    let countries = SplitItems::new(&COUNTRIES.map(|(country, _, _)| country), &mut ChaCha8Rng::seed_from_u64(seed));
    let mut model = CausalModel::<&str>::new();
    let [country, question] = ["country", "question"].map(|name| model.input(name));
    let capital = model.variable("capital", &[country], |v| capital_of(v[0]));
    let language = model.variable("language", &[country], |v| entry(v[0]).1);
    let continent = model.variable("continent", &[country], |v| entry(v[0]).2);
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

fn entry(country: &str) -> (&'static str, &'static str, &'static str) {
    *COUNTRIES.iter().find(|(known, _, _)| *known == country).expect("the country is in COUNTRIES")
}
