//! Indirect object identification (Wang et al. 2022, arXiv 2211.00593).

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::CausalModel;
use super::prompt_task::{Balance, LanguageTask, TextPrompt};
use super::words::{MEN, SplitItems, WOMEN, pick, pick_different};

/// The slot `s2` repeats one of the first two names.
const TEMPLATES: [&str; 4] = [
    "When {first} and {second} went to the {place}, {s2} gave a {object} to",
    "After {first} and {second} went to the {place}, {s2} gave a {object} to",
    "While {first} and {second} were working at the {place}, {s2} gave a {object} to",
    "Then, {first} and {second} went to the {place}, and {s2} gave a {object} to",
];
const PLACES: [&str; 8] = ["store", "garden", "restaurant", "school", "hospital", "office", "house", "station"];
const OBJECTS: [&str; 8] = ["drink", "ring", "kiss", "bone", "basketball", "computer", "necklace", "snack"];

/// Creates the task: two names, one of which is repeated; the answer is the other name, the indirect object.
///
/// The variables are `position`, the position of the indirect object among the two names (`first` in ABBA prompts,
/// `second` in BABA prompts), and `token`, the name at that position: the output position and the output token of the
/// MIB benchmark (arXiv 2504.13151). Interchanges always change the answer. The seed divides the names between the
/// splits. The slots `io`, `s1` and `s2` are named by role, `first` and `second` by order.
#[must_use]
pub fn ioi(seed: u64) -> LanguageTask<&'static str> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let names = SplitItems::new(&[&**WOMEN, &**MEN].concat(), &mut rng);
    let mut model = CausalModel::new();
    let [first, second, s2] = ["first", "second", "s2"].map(|name| model.input(name));
    let [place, object, template] = ["place", "object", "template"].map(|name| model.input(name));
    let position = model.variable("position", &[second, s2], |v| if v[0] == v[1] { "first" } else { "second" });
    let token = model.variable("token", &[first, second, position], |v| if *v[2] == "first" { v[0] } else { v[1] });
    LanguageTask {
        name: "ioi",
        question: "Two people are named, and one of them gives something: who receives it?",
        causal_model: model,
        aligned: vec![position, token],
        slots: &["first", "second", "io", "s1", "s2", "place", "object", "last"],
        answers: &[],
        inputs: Box::new(move |split, rng| {
            let [a, b] = pick_different(names.items(split), rng);
            let subject = if rng.random() { a } else { b };
            vec![a, b, subject, pick(&PLACES, rng), pick(&OBJECTS, rng), pick(&TEMPLATES, rng)]
        }),
        render: Box::new(move |setting| {
            let parts = [("first", first), ("second", second), ("s2", s2), ("place", place), ("object", object)];
            let prompt = TextPrompt::fill(setting[template], &parts.map(|(slot, variable)| (slot, setting[variable])));
            let [io, s1] = if setting[position] == "first" { ["first", "second"] } else { ["second", "first"] };
            prompt.alias(io, "io").alias(s1, "s1")
        }),
        answer: Box::new(move |setting| format!(" {}", setting[token])),
        balance: Balance::Changes,
    }
}
