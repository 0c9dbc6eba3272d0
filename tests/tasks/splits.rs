//! Splits do not overlap, every prompt has every slot, and unknown names are refused.

use std::collections::BTreeSet;

use intervene::tasks::{PromptTask, Split, TextPrompt, prompt_task, prompt_tasks};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{SPLITS, all, draw, task};

/// The slots whose words belong to one split only.
fn owned(name: &str) -> &'static [&'static str] {
    match name {
        "gender_agreement" => &["name", "verb"],
        "ioi" => &["first", "second"],
        "country_capital" | "country_attributes" => &["country"],
        "price_tagging" => &["amount"],
        "mcqa" => &["thing"],
        _ => panic!("no slots are listed for {name}"),
    }
}

#[test]
fn splits_do_not_overlap_and_are_determined_by_the_seed() {
    let words = |task: &dyn PromptTask, split: Split, slots: &[&str]| -> BTreeSet<String> {
        let variable = task.variables()[0].to_owned();
        let pairs = draw(task, split, &[&variable], 400);
        let prompts = pairs.iter().flat_map(|pair| [&pair.base, &pair.sources[0].1]);
        prompts.flat_map(|prompt| slots.iter().map(|slot| prompt.part(slot).unwrap().to_owned())).collect()
    };
    for name in prompt_tasks() {
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
    for name in prompt_tasks() {
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
fn unknown_names_are_refused() {
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
fn a_template_records_the_spans_of_its_slots() {
    let prompt = TextPrompt::fill("é {a}, {b} and {a}ö", &[("a", "ß"), ("b", "two words")]);
    assert_eq!(prompt.text, "é ß, two words and ßö");
    assert_eq!((prompt.part("a"), prompt.part("b"), prompt.part("last")), (Some("ß"), Some("two words"), Some("ö")));
}
