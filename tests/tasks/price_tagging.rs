//! Price tagging: one side of the bracket is swapped.

use super::check;

/// The two comparisons of an Alpaca prompt: at least the lower bound, at most the upper bound.
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
