//! Indirect object identification: the answer is the name that is not repeated.

use intervene::tasks::TextPair;

use super::all;

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
fn the_answer_is_the_name_that_is_not_repeated() {
    // A swapped token is the answer, independently of the position.
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
