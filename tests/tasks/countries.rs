//! Countries: capitals and attributes follow the country of the source.

use std::collections::{BTreeMap, BTreeSet};

use intervene::tasks::{Split, prompt_task};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{SPLITS, all, task};

#[test]
fn the_label_is_the_capital_of_the_source() {
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
    assert_eq!((seen.len(), capitals.len()), (60, 60), "two countries share a capital, or some were not drawn");
}

/// The attributes of some countries, written by hand.
const ATTRIBUTES: [(&str, [&str; 3]); 5] = [
    ("France", ["Paris", "French", "Europe"]),
    ("Japan", ["Tokyo", "Japanese", "Asia"]),
    ("Egypt", ["Cairo", "Arabic", "Africa"]),
    ("Peru", ["Lima", "Spanish", "South America"]),
    ("Austria", ["Vienna", "German", "Europe"]),
];

/// The country of a prompt, and the number of the attribute in question.
fn country_and_question(text: &str) -> (&str, usize) {
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
                    let [(base, question), (other, _)] =
                        [&pair.base, source].map(|prompt| country_and_question(&prompt.text));
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
