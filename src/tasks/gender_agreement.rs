//! Gender agreement: the pronoun that continues a sentence, as in CausalGym (Arora et al. 2024, arXiv 2402.12560).

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::CausalModel;
use super::prompt_task::{Balance, LanguageTask, TextPrompt};
use super::words::{MEN, SplitItems, WOMEN};

/// Creates the task "Yesterday, {name} {verb} because"; the name determines the gender, and the gender the pronoun.
///
/// The variable is `gender`. Interchanges always change the answer, so base and source have different genders; half
/// of the labels are " she". The seed divides the names and verb phrases between the splits.
#[must_use]
pub fn gender_agreement(seed: u64) -> LanguageTask<&'static str> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let [women, men] = [&WOMEN, &MEN].map(|names| SplitItems::new(names, &mut rng));
    let phrases = SplitItems::new(&include_str!("words/verb_phrases.txt").lines().collect::<Vec<_>>(), &mut rng);
    let mut model = CausalModel::new();
    let (name, verb) = (model.input("name"), model.input("verb"));
    let gender = model.variable("gender", &[name], |v| if WOMEN.contains(v[0]) { "female" } else { "male" });
    let pronoun = model.variable("pronoun", &[gender], |v| if *v[0] == "female" { " she" } else { " he" });
    LanguageTask {
        name: "gender_agreement",
        question: "Which pronoun does a sentence about this person go on with?",
        causal_model: model,
        aligned: vec![gender],
        slots: &["name", "verb", "last"],
        answers: &[" he", " she"],
        inputs: Box::new(move |split, rng| {
            let names = if rng.random() { &women } else { &men };
            vec![names.draw(split, rng), phrases.draw(split, rng)]
        }),
        render: Box::new(move |setting| {
            let parts = [("name", setting[name]), ("verb", setting[verb])];
            TextPrompt::fill("Yesterday, {name} {verb} because", &parts)
        }),
        answer: Box::new(move |setting| setting[pronoun].to_owned()),
        balance: Balance::Changes,
    }
}
