//! Several attributes of one entity: a country's capital, language and continent.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::CausalModel;
use super::country_capital::capital_of;
use super::prompt_task::{Balance, LanguageTask, TextPrompt};
use super::words::{Divided, pick};

/// A country, its most spoken language, and its continent; those whose answer is in doubt are left out.
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

/// What is asked, and how. The question comes after the country, so that at its name nothing says which will be asked.
const QUESTIONS: [(&str, &str); 3] = [
    ("capital", "A fact about {country}: its capital is the city of"),
    ("language", "A fact about {country}: the language spoken by most people is"),
    ("continent", "A fact about {country}: it is located on the continent of"),
];

/// "A fact about {country}: its capital is the city of": the attribute that is asked for.
///
/// The variables are `capital`, `language` and `continent`, each a function of the country; which of them the answer is
/// depends on the question, so that the others can be swapped and nothing must change: the form of RAVEL (Huang et al.
/// 2024, arXiv 2402.17700). Interchanges change the answer; those of `sample_isolating` do not. Countries are divided
/// between the splits by the seed. The first token of an answer stands for it.
#[must_use]
pub fn country_attributes(seed: u64) -> LanguageTask<&'static str> {
    let countries = Divided::new(&COUNTRIES.map(|(country, _, _)| country), &mut ChaCha8Rng::seed_from_u64(seed));
    let mut model = CausalModel::<&str>::new();
    let [country, question] = ["country", "question"].map(|name| model.input(name));
    let capital = model.variable("capital", &[country], |v| capital_of(v[0]));
    let language = model.variable("language", &[country], |v| entry(v[0]).1);
    let continent = model.variable("continent", &[country], |v| entry(v[0]).2);
    let answer = model.variable("answer", &[question, capital, language, continent], |v| {
        let asked = QUESTIONS.iter().position(|(name, _)| name == v[0]);
        v[1 + asked.expect("one of the questions")]
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
            let asked = QUESTIONS.iter().find(|(name, _)| *name == setting[question]);
            TextPrompt::fill(asked.expect("one of the questions").1, &[("country", setting[country])])
        }),
        answer: Box::new(move |setting| format!(" {}", setting[answer])),
        balance: Balance::Changes,
    }
}

fn entry(country: &str) -> (&'static str, &'static str, &'static str) {
    *COUNTRIES.iter().find(|(known, _, _)| *known == country).expect("one of the countries")
}
