//! Gender agreement: the pronoun follows the name of the source.

use std::collections::BTreeMap;
use std::path::Path;

use intervene::data;

use super::all;

/// The pronoun of each name, from the published data set.
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
