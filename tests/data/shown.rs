//! Pairs are shown with their intervened tokens marked, and drawn pairs are unambiguous.

use intervene::data::{self, DrawnRows, Encoder, Marks, Pair, Position, Take};
use intervene::tasks::{Split, prompt_task};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{GOOD, line, slot, tokenizer};

#[test]
fn examples_show_what_is_intervened_on() {
    let tokenizer = tokenizer();
    let row = line(&GOOD.replacen('{', "{\"base_answer\": \" he\", ", 1)).unwrap();
    let pair = Encoder::new(&tokenizer, slot("span", Take::All)).pair(&row).unwrap();
    let expected = "base    Yesterday, [Bob] left because\nsource  Yesterday,[ Ann] left because\nlabel   ` she` (the base's answer: ` he`)\n";
    assert_eq!(data::show(&pair, &tokenizer, Marks::Brackets), expected);
    let ansi = expected.replace('[', "\x1b[1;4m").replace(']', "\x1b[0m");
    assert_eq!(data::show(&pair, &tokenizer, Marks::Ansi), ansi);
    let row = line(r#"{"base": "na\u00efve\n?", "source": "na\u00efve\n!", "label": " he", "base_position": 0, "source_position": -1}"#).unwrap();
    let pair = Encoder::new(&tokenizer, Position::default()).pair(&row).unwrap();
    assert_eq!(
        data::show(&pair, &tokenizer, Marks::Brackets),
        "base    [na]ïve\\n?\nsource  naïve\\n[!]\nlabel   ` he`\n"
    );
}

#[test]
fn the_label_of_a_drawn_pair_differs_from_the_answer_of_its_base() {
    let tokenizer = tokenizer();
    let task = prompt_task("country_capital", 0).unwrap();
    let encoder = Encoder::new(&tokenizer, "country".parse().unwrap());
    let draw = |seed| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        encoder.draw(task.as_ref(), Split::Train, &["capital"], 200, &mut rng).unwrap()
    };
    let pairs = |drawn: &DrawnRows| -> Vec<Pair> {
        drawn.rows.iter().map(|row| row.pair(&encoder.position).unwrap()).collect()
    };
    let drawn = draw(3);
    assert_eq!((drawn.rows.len(), pairs(&drawn)), (200, pairs(&draw(3))));
    assert!(drawn.ambiguous > 0, "this tokenizer knows the first letters of capitals only");
    for pair in pairs(&drawn) {
        assert_ne!(Some(pair.labels[0]), pair.base_answer);
        assert_eq!(Some(pair.labels[0]), pair.source_answers[0]);
        let [position] = pair.base.positions[..] else { panic!("one position") };
        assert!(position > 2 && position < pair.base.tokens.len() - 1);
    }
}
