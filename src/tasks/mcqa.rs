//! Multiple choice whose question contains the answer, as in the MIB benchmark (Mueller et al. 2025, arXiv 2504.13151).

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::CausalModel;
use super::prompt_task::{Balance, LanguageTask, TextPrompt};
use super::words::{SplitItems, pick_different, table};

const COLORS: [&str; 10] = ["red", "green", "blue", "yellow", "brown", "black", "white", "gray", "orange", "purple"];
const LETTERS: [&str; 26] = [
    "A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M", "N", "O", "P", "Q", "R", "S", "T", "U", "V", "W",
    "X", "Y", "Z",
];
const TEMPLATE: &str = "Question: {Thing} is {color}. What color is {thing}?\n{0}. {choice0}\n{1}. {choice1}\n{2}. \
{choice2}\n{3}. {choice3}\nAnswer:";
const SYMBOL: [&str; 4] = ["0", "1", "2", "3"];
const CHOICE: [&str; 4] = ["choice0", "choice1", "choice2", "choice3"];

/// A value of the causal model: a word, four words, or the index of one of the four choices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum McqaValue {
    /// A thing, a colour or a letter.
    Word(&'static str),
    /// The letters of the four choices, or their colours.
    Four([&'static str; 4]),
    /// The index of a choice.
    Index(usize),
}

impl McqaValue {
    fn word(self) -> &'static str {
        let Self::Word(word) = self else { panic!("expected a word, not {self:?}") };
        word
    }

    fn four(self) -> [&'static str; 4] {
        let Self::Four(four) = self else { panic!("expected four words, not {self:?}") };
        four
    }

    fn index(self) -> usize {
        let Self::Index(index) = self else { panic!("expected an index, not {self:?}") };
        index
    }
}

/// Creates the task "Question: A banana is yellow. What color is a banana?" with four lettered choices.
///
/// The variables are `answer_pointer`, the index of the right choice, and `answer_token`, its letter. Half of the
/// prompts have the letters A to D, the others four random letters; with A to D alone, the two variables would be
/// equivalent. Interchanges always change the answer. The seed divides the things between the splits.
#[must_use]
pub fn mcqa(seed: u64) -> LanguageTask<McqaValue> {
    let things = SplitItems::new(&table(include_str!("words/things.tsv")), &mut ChaCha8Rng::seed_from_u64(seed));
    let mut model = CausalModel::<McqaValue>::new();
    let [thing, color, symbols, choices] = ["thing", "color", "symbols", "choices"].map(|name| model.input(name));
    let pointer = model.variable("answer_pointer", &[color, choices], |v| {
        let choices = v[1].four();
        McqaValue::Index(choices.iter().position(|choice| *choice == v[0].word()).expect("one of the choices is right"))
    });
    let token = model.variable("answer_token", &[symbols, pointer], |v| McqaValue::Word(v[0].four()[v[1].index()]));
    LanguageTask {
        name: "mcqa",
        question: "Which letter stands before the right one of four choices?",
        causal_model: model,
        aligned: vec![pointer, token],
        slots: &["thing", "color", "correct_symbol", "correct_symbol_period", "correct_choice", "last"],
        answers: &[],
        inputs: Box::new(move |split, rng| {
            let [thing, color] = things.draw(split, rng);
            let others: Vec<&str> = COLORS.into_iter().filter(|other| *other != color).collect();
            let mut choices: [&str; 4] = pick_different(&others, rng);
            choices[rng.random_range(0..4)] = color;
            let symbols = if rng.random() { ["A", "B", "C", "D"] } else { pick_different(&LETTERS, rng) };
            vec![McqaValue::Word(thing), McqaValue::Word(color), McqaValue::Four(symbols), McqaValue::Four(choices)]
        }),
        render: Box::new(move |setting| {
            let (name, symbols, choices) = (setting[thing].word(), setting[symbols].four(), setting[choices].four());
            let capital = name[..1].to_uppercase() + &name[1..];
            let mut parts = vec![("Thing", &*capital), ("thing", name), ("color", setting[color].word())];
            for at in 0..4 {
                parts.extend([(SYMBOL[at], symbols[at]), (CHOICE[at], choices[at])]);
            }
            let right = setting[pointer].index();
            let mut prompt = TextPrompt::fill(TEMPLATE, &parts);
            prompt = prompt.alias(SYMBOL[right], "correct_symbol").alias(CHOICE[right], "correct_choice");
            let period = prompt.span(SYMBOL[right]).expect("the template contains every symbol").end;
            prompt.spans.push(("correct_symbol_period", period..period + 1));
            prompt
        }),
        answer: Box::new(move |setting| format!(" {}", setting[token].word())),
        balance: Balance::Changes,
    }
}
