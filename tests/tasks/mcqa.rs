//! Multiple choice: the pointer and the letter are swapped separately.

use super::all;

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
fn the_pointer_and_the_letter_are_separate_variables() {
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
