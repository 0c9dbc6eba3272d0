//! SmolLM2's tokenizer reads the shipped data and the tasks at the expected tokens.

use intervene::data::{self, Encoder, Pair, Position, Row, Tokenizer};
use intervene::tasks::{Split, prompt_task};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::root;
use crate::common::needs;

/// `Y`, `esterday`, `,`, and then the name.
#[test]
fn smollm2_reads_the_gender_data_with_the_name_at_token_3() {
    let Some(folder) = needs::smollm2() else { return };
    let tokenizer = Tokenizer::load(&folder).unwrap();
    let encoder = Encoder::new(&tokenizer, Position::default());
    for (file, count) in [("train.jsonl", 480), ("test.jsonl", 128)] {
        let rows = data::read(&root().join("data/gender_agreement").join(file)).unwrap();
        let pairs: Vec<Pair> = rows.iter().map(|row| encoder.pair(row).unwrap()).collect();
        assert_eq!(pairs.len(), count);
        for (pair, row) in pairs.iter().zip(&rows) {
            assert_eq!((&pair.base.positions[..], &pair.sources[0].1.positions[..]), (&[3][..], &[3][..]));
            let name = row.base.text.split(' ').nth(1).unwrap();
            assert_eq!(tokenizer.token(pair.base.tokens[3]), format!(" {name}"));
            assert_eq!(tokenizer.token(pair.labels[0]), row.label);
        }
    }
}

#[test]
fn smollm2_reads_the_tasks() {
    let Some(folder) = needs::smollm2() else { return };
    let tokenizer = Tokenizer::load(&folder).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    for (name, slot, variable, aligned) in [
        ("gender_agreement", "name", "gender", true),
        ("ioi", "io", "token", true),
        ("price_tagging", "amount", "left", true),
        ("mcqa", "correct_symbol", "answer_token", true),
        ("country_capital", "country", "capital", false),
    ] {
        let task = prompt_task(name, 0).unwrap();
        let encoder = Encoder::new(&tokenizer, slot.parse().unwrap());
        for split in [Split::Train, Split::Test] {
            let drawn = encoder.draw(task.as_ref(), split, &[variable], 100, &mut rng).unwrap();
            if aligned {
                // Every answer is one token, so no pair is ambiguous.
                assert_eq!(drawn.ambiguous, 0, "{name}");
                let row = Row::from_task(task.sample(split, &[variable], &mut rng).unwrap(), name);
                encoder.pair(&row).unwrap();
            }
            if name == "gender_agreement" {
                assert!(
                    drawn.rows.iter().all(|row| row.pair(&encoder.position).unwrap().base.positions == [3]),
                    "names are one token"
                );
            }
        }
    }
}
