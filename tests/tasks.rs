//! The language tasks: labels by a second reading of the rendered text, named positions, splits.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use intervene::data;
use intervene::tasks::{PROMPT_TASKS, PromptTask, Split, TextPair, TextPrompt, prompt_task};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const SPLITS: [Split; 3] = [Split::Train, Split::Validation, Split::Test];

fn task(name: &str) -> Box<dyn PromptTask> {
    prompt_task(name, 7).unwrap()
}

fn draw(task: &dyn PromptTask, split: Split, variables: &[&str], count: usize) -> Vec<TextPair> {
    let mut rng = ChaCha8Rng::seed_from_u64(count as u64);
    (0..count).map(|_| task.sample(split, variables, &mut rng).unwrap()).collect()
}

/// Every way to swap some of the task's variables, each of them sampled in every split.
fn all(name: &str, count: usize) -> Vec<(Vec<usize>, TextPair)> {
    let task = task(name);
    let variables = task.variables();
    let mut swaps: Vec<Vec<usize>> = (0..variables.len()).map(|at| vec![at]).collect();
    if variables.len() > 1 {
        swaps.push((0..variables.len()).collect());
    }
    let mut pairs = Vec::new();
    for split in SPLITS {
        for swap in &swaps {
            let names: Vec<&str> = swap.iter().map(|at| variables[*at]).collect();
            for pair in draw(task.as_ref(), split, &names, count) {
                assert_eq!(pair.sources.iter().map(|(at, _)| *at).collect::<Vec<_>>(), *swap, "{name}");
                assert_eq!(pair.source_answers.len(), swap.len(), "{name}");
                pairs.push((swap.clone(), pair));
            }
        }
    }
    pairs
}

/// Checks the label and both sides' own answers against `values`, which reads each variable off a text, and `answer`,
/// which says what follows a base's text when some of its variables are others.
fn check<V: Clone>(name: &str, values: fn(&str) -> Vec<V>, answer: fn(&str, &[V]) -> String) -> Vec<TextPair> {
    let pairs = all(name, 200);
    for (swap, pair) in &pairs {
        let mut swapped = values(&pair.base.text);
        assert_eq!(pair.base_answer, answer(&pair.base.text, &swapped), "{}", pair.base.text);
        for ((at, (_, source)), own) in swap.iter().zip(&pair.sources).zip(&pair.source_answers) {
            let from = values(&source.text);
            assert_eq!(*own, answer(&source.text, &from), "{}", source.text);
            swapped[*at] = from[*at].clone();
        }
        assert_eq!(pair.label, answer(&pair.base.text, &swapped), "{swap:?}: {pair:?}");
    }
    pairs.into_iter().map(|(_, pair)| pair).collect()
}

/// Who is called what, from a data set that somebody else wrote.
fn genders() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/gender_agreement");
    let rows = ["train.jsonl", "test.jsonl"].into_iter().flat_map(|file| data::read(&folder.join(file)).unwrap());
    rows.map(|row| (row.sources[0].1.text.split(' ').nth(1).unwrap().to_owned(), row.label)).collect()
}

#[test]
fn gender_agreement_takes_the_pronoun_from_the_source() {
    let known = genders();
    assert_eq!(known.len(), 24);
    let name = |text: &str| text.strip_prefix("Yesterday, ").unwrap().split(' ').next().unwrap().to_owned();
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    let mut women = 0;
    for (_, pair) in all("gender_agreement", 1000) {
        let source = &pair.sources[0].1;
        assert!(pair.base.text.ends_with(" because") && pair.base.part("last") == Some("e"));
        assert_eq!(pair.label, pair.source_answers[0]);
        assert_ne!(pair.label, pair.base_answer);
        for (prompt, answer) in [(&pair.base, &pair.base_answer), (source, &pair.label)] {
            let name = name(&prompt.text);
            assert_eq!(prompt.part("name"), Some(name.as_str()));
            assert_eq!(format!("Yesterday, {name} {} because", prompt.part("verb").unwrap()), prompt.text);
            assert_eq!(seen.entry(name).or_insert_with(|| answer.clone()), answer, "one name, one pronoun");
        }
        women += usize::from(pair.label == " she");
    }
    assert!((1400..1600).contains(&women), "{women} of 3000");
    let both: Vec<&String> = seen.keys().filter(|name| known.contains_key(*name)).collect();
    assert!(both.len() >= 20, "{both:?}");
    assert!(both.iter().all(|name| seen[*name] == known[*name]), "{seen:?}");
}

/// The names in their order: capitals that do not begin the sentence.
fn names(text: &str) -> [&str; 3] {
    let words = text.split([' ', ',']).skip(1).filter(|word| word.starts_with(char::is_uppercase));
    words.collect::<Vec<_>>().try_into().unwrap()
}

/// Which of the two names is not repeated, and that name.
fn indirect(text: &str) -> Vec<String> {
    let [first, second, again] = names(text);
    assert!(first != second && (again == first || again == second), "{text}");
    let (place, name) = if again == second { ("0", first) } else { ("1", second) };
    vec![place.to_owned(), name.to_owned()]
}

#[test]
fn ioi_finds_the_name_that_is_not_repeated() {
    // A swapped token is the answer, whatever the position is.
    let answer = |text: &str, values: &[String]| {
        let own = indirect(text);
        let at = usize::from(values[0] == "1");
        format!(" {}", if values[1] == own[1] { names(text)[at] } else { &values[1] })
    };
    for pair in all("ioi", 200).into_iter().filter(|(swap, _)| swap.len() == 2).map(|(_, pair)| pair) {
        assert_eq!(pair.label, format!(" {}", indirect(&pair.sources[1].1.text)[1]), "the token alone decides");
    }
    let pairs: Vec<(Vec<usize>, TextPair)> = all("ioi", 200).into_iter().filter(|(swap, _)| swap.len() == 1).collect();
    let mut abba = 0;
    for (swap, pair) in &pairs {
        let mut values = indirect(&pair.base.text);
        assert_eq!(pair.base_answer, answer(&pair.base.text, &values));
        values[swap[0]].clone_from(&indirect(&pair.sources[0].1.text)[swap[0]]);
        assert_eq!(pair.label, answer(&pair.base.text, &values), "{swap:?} {pair:?}");
        assert_ne!(pair.label, pair.base_answer);
        let [first, second, again] = names(&pair.base.text);
        let io = indirect(&pair.base.text).remove(1);
        let s1 = if io == first { second } else { first };
        for (slot, part) in [("first", first), ("second", second), ("s2", again), ("io", &io), ("s1", s1)] {
            assert_eq!(pair.base.part(slot), Some(part));
        }
        assert!(pair.base.span("s2").unwrap().start > pair.base.span("second").unwrap().end);
        abba += usize::from(io == first);
    }
    assert!((500..700).contains(&abba), "{abba} of 1200");
}

#[test]
fn the_capital_is_the_source_countrys() {
    let known = [("France", "Paris"), ("Japan", "Tokyo"), ("Egypt", "Cairo"), ("Peru", "Lima"), ("Poland", "Warsaw")];
    let mut found = BTreeSet::new();
    let mut seen = BTreeMap::new();
    for (_, pair) in all("country_capital", 400) {
        assert_eq!(pair.label, pair.source_answers[0]);
        assert_ne!(pair.label, pair.base_answer);
        let source = &pair.sources[0].1;
        let country = source.text.strip_prefix("The capital of ").unwrap().strip_suffix(" is the city of").unwrap();
        assert_eq!(source.part("country"), Some(country));
        assert_eq!(seen.entry(country.to_owned()).or_insert_with(|| pair.label.clone()), &pair.label);
        if let Some((country, capital)) = known.iter().find(|(known, _)| *known == country) {
            assert_eq!(pair.label, format!(" {capital}"));
            found.insert(*country);
        }
    }
    assert_eq!(found.len(), known.len());
    let capitals: BTreeSet<&String> = seen.values().collect();
    assert_eq!((seen.len(), capitals.len()), (60, 60), "two countries share a capital, or some were never drawn");
}

/// What follows from the country, by hand.
const ATTRIBUTES: [(&str, [&str; 3]); 5] = [
    ("France", ["Paris", "French", "Europe"]),
    ("Japan", ["Tokyo", "Japanese", "Asia"]),
    ("Egypt", ["Cairo", "Arabic", "Africa"]),
    ("Peru", ["Lima", "Spanish", "South America"]),
    ("Austria", ["Vienna", "German", "Europe"]),
];

/// The country, and the number of the attribute that is asked for.
fn asked(text: &str) -> (&str, usize) {
    let (country, question) = text.strip_prefix("A fact about ").unwrap().split_once(':').unwrap();
    (country, ["capital", "language", "continent"].iter().position(|word| question.contains(word)).unwrap())
}

#[test]
fn attributes_of_a_country_change_with_their_own_variable_alone() {
    let task = task("country_attributes");
    let (mut rng, mut checked, mut kept) = (ChaCha8Rng::seed_from_u64(0), BTreeSet::new(), 0);
    for split in SPLITS {
        for (at, variable) in task.variables().into_iter().enumerate() {
            for isolating in [false, true] {
                for _ in 0..300 {
                    let pair = match isolating {
                        false => task.sample(split, &[variable], &mut rng).unwrap(),
                        true => task.sample_isolating(split, &[variable], &mut rng).unwrap(),
                    };
                    let source = &pair.sources[0].1;
                    let [(base, question), (other, _)] = [&pair.base, source].map(|prompt| asked(&prompt.text));
                    assert_eq!((pair.base.part("country"), source.part("country")), (Some(base), Some(other)));
                    assert_eq!(question == at, !isolating, "{pair:?}");
                    assert_eq!(pair.label == pair.base_answer, isolating, "{pair:?}");
                    let of = |country: &str| ATTRIBUTES.iter().find(|(known, _)| *known == country);
                    if let (Some((_, base)), Some((_, other))) = (of(base), of(other)) {
                        let label = if isolating { base[question] } else { other[at] };
                        assert_eq!(pair.label, format!(" {label}"));
                        assert!(base[at] != other[at] && base[question] != other[question], "{pair:?}");
                        checked.insert((at, isolating));
                        kept += usize::from(isolating);
                    }
                }
            }
        }
    }
    assert!(checked.len() == 6 && kept > 10, "{checked:?}");
    let error = prompt_task("gender_agreement", 0).unwrap();
    let error = error.sample_isolating(Split::Train, &["gender"], &mut rng).unwrap_err().to_string();
    assert!(error.contains("no swap of gender kept an answer that a swap of all variables changes"), "{error}");
}

/// The two comparisons that an Alpaca prompt asks for.
fn comparisons(text: &str) -> Vec<bool> {
    let number = |after: &str| -> f64 {
        let rest = &text[text.find(after).unwrap() + after.len()..];
        rest[..rest.find(' ').unwrap()].parse().unwrap()
    };
    let (low, high, amount) = (number("costs between "), number(" and "), number("### Input:\n"));
    assert!(0.0 < low && low < high && high < 10.0 && (2.495..7.505).contains(&(high - low)), "{text}");
    vec![amount >= low, amount <= high]
}

#[test]
fn price_tagging_swaps_one_side_of_the_bracket() {
    let pairs = check("price_tagging", comparisons, |_, sides| {
        if sides.iter().all(|side| *side) { "Yes" } else { "No" }.to_owned()
    });
    let yes = pairs.iter().filter(|pair| pair.label == "Yes").count();
    assert!((800..1000).contains(&yes), "{yes} of 1800");
    let changed = pairs.iter().filter(|pair| pair.label != pair.base_answer).count();
    assert!((400..1200).contains(&changed), "{changed} of 1800");
    let text = &pairs[0].base.text;
    assert!(text.starts_with("Below is an instruction that describes a task, paired with an input that provides"));
    assert!(text.ends_with(" dollars\n\n### Response:\n"), "{text}");
    for pair in &pairs {
        let [low, high, amount] = ["lower", "upper", "amount"].map(|slot| pair.base.part(slot).unwrap());
        assert!(pair.base.text.contains(&format!("between {low} and {high} dollars, otherwise no.")));
        assert!(pair.base.text.contains(&format!("### Input:\n{amount} dollars\n")) && amount.len() == 4);
    }
}

/// The number of the right choice, and its letter.
fn choice(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines.len(), lines[5]), (6, "Answer:"), "{text}");
    let color = lines[0].split_once(" is ").unwrap().1.split_once('.').unwrap().0;
    let right: Vec<usize> = (1..5).filter(|at| lines[*at].ends_with(&format!(". {color}"))).collect();
    assert_eq!(right.len(), 1, "{text}");
    vec![right[0].to_string(), lines[right[0]][..1].to_owned()]
}

#[test]
fn mcqa_points_and_names() {
    let pairs = all("mcqa", 300);
    let mut at = [0; 5];
    for (swap, pair) in &pairs {
        let sources: Vec<Vec<String>> = pair.sources.iter().map(|(_, source)| choice(&source.text)).collect();
        let line = |number: &str| pair.base.text.lines().nth(number.parse().unwrap()).unwrap();
        let letter = match swap[..] {
            [0] => &line(&sources[0][0])[..1],
            [1] => &sources[0][1],
            _ => &sources[1][1],
        };
        assert_eq!(pair.label, format!(" {letter}"), "{swap:?} {pair:?}");
        let own = choice(&pair.base.text);
        assert_eq!(pair.base_answer, format!(" {}", own[1]));
        assert_ne!(pair.label, pair.base_answer);
        assert_eq!(pair.base.part("correct_symbol"), Some(own[1].as_str()));
        let period = pair.base.span("correct_symbol").unwrap().end;
        assert_eq!(pair.base.span("correct_symbol_period"), Some(period..period + 1));
        assert_eq!(pair.base.part("correct_symbol_period"), Some("."));
        assert_eq!(pair.base.part("correct_choice"), pair.base.part("color"));
        assert_eq!(line(&own[0]), format!("{}. {}", own[1], pair.base.part("color").unwrap()));
        at[own[0].parse::<usize>().unwrap()] += 1;
        let mut letters: Vec<&str> = pair.base.text.lines().skip(1).take(4).map(|line| &line[..1]).collect();
        letters.dedup();
        assert_eq!(letters.len(), 4);
    }
    assert!(at[1..].iter().all(|count| (540..810).contains(count)), "{at:?} of 2700");
}

/// Whether two prompts share a word that a split owns.
fn owned(name: &str) -> &'static [&'static str] {
    match name {
        "gender_agreement" => &["name", "verb"],
        "ioi" => &["first", "second"],
        "country_capital" | "country_attributes" => &["country"],
        "price_tagging" => &["amount"],
        "mcqa" => &["thing"],
        _ => panic!("which words does a split of {name} own?"),
    }
}

#[test]
fn splits_do_not_overlap_and_the_seed_makes_them() {
    let words = |task: &dyn PromptTask, split: Split, slots: &[&str]| -> BTreeSet<String> {
        let variable = task.variables()[0].to_owned();
        let pairs = draw(task, split, &[&variable], 400);
        let prompts = pairs.iter().flat_map(|pair| [&pair.base, &pair.sources[0].1]);
        prompts.flat_map(|prompt| slots.iter().map(|slot| prompt.part(slot).unwrap().to_owned())).collect()
    };
    for name in PROMPT_TASKS {
        let [train, validation, test] = SPLITS.map(|split| words(task(name).as_ref(), split, owned(name)));
        for (a, b) in [(&train, &validation), (&train, &test), (&validation, &test)] {
            assert!(a.is_disjoint(b), "{name}: {:?}", a.intersection(b).collect::<Vec<_>>());
            assert!(!a.is_empty() && !b.is_empty());
        }
        assert_eq!(train, words(task(name).as_ref(), Split::Train, owned(name)), "{name}: a seed means the same twice");
        assert_ne!(train, words(prompt_task(name, 8).unwrap().as_ref(), Split::Train, owned(name)), "{name}");
    }
}

#[test]
fn every_prompt_has_every_slot() {
    for name in PROMPT_TASKS {
        let task = task(name);
        assert_eq!(task.name(), name);
        for (_, pair) in all(name, 20) {
            for prompt in [&pair.base, &pair.sources[0].1] {
                for slot in task.slots() {
                    assert!(prompt.part(slot).is_some_and(|part| !part.is_empty()), "{name}: {slot}");
                }
                assert_eq!(prompt.span("last").unwrap().end, prompt.text.len());
            }
            let answers = task.answers();
            assert!(answers.is_empty() || answers.contains(&pair.label.as_str()), "{name}: {}", pair.label);
        }
    }
}

#[test]
fn names_that_are_none_are_refused() {
    let error = prompt_task("gender_agrement", 0).err().unwrap().to_string();
    assert!(error.contains("did you mean `gender_agreement`?"), "{error}");
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let error = task("ioi").sample(Split::Test, &["positon"], &mut rng).unwrap_err().to_string();
    assert!(error.contains("unknown variable `positon`; did you mean `position`?"), "{error}");
    let error = task("ioi").sample(Split::Test, &[], &mut rng).unwrap_err().to_string();
    assert!(error.contains("there are: position, token"), "{error}");
    assert_eq!("test".parse::<Split>().unwrap(), Split::Test);
    assert!("tets".parse::<Split>().unwrap_err().to_string().contains("did you mean `test`?"));
}

#[test]
fn a_template_says_where_its_slots_are() {
    let prompt = TextPrompt::fill("é {a}, {b} and {a}ö", &[("a", "ß"), ("b", "two words")]);
    assert_eq!(prompt.text, "é ß, two words and ßö");
    assert_eq!((prompt.part("a"), prompt.part("b"), prompt.part("last")), (Some("ß"), Some("two words"), Some("ö")));
}
