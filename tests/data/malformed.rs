//! Malformed rows are refused with their line and what would be right.

use std::fs;

use intervene::data::{self, Encoder, Position, Take};

use super::{GOOD, line, slot, tokenizer};

#[test]
fn malformed_rows_say_where_and_what_would_be_right() {
    let cases: [(&str, &str, &[&str]); 17] = [
        ("\"base\"", "\"bsae\"", &["unknown key `bsae`", "did you mean `base`?"]),
        ("\"base_span\"", "\"base_spam\"", &["did you mean `base_span`?"]),
        ("\"label\": \" she\", ", "", &["the key `label` is missing; there are: base, "]),
        ("\"source\": \"Yesterday, Ann left because\", ", "", &["the key `source` is missing"]),
        ("\"Bob\"", "\"Bill\"", &["`base_span` \"Bill\" is not in `base` \"Yesterday, Bob left because\""]),
        ("\"Yesterday, Bob left because\"", "\"\"", &["`base` is empty"]),
        ("\"Yesterday, Bob left because\"", "\"  \"", &["`base` is empty"]),
        ("\"Yesterday, Bob left because\"", "7", &["`base` must be a text in quotation marks, not 7"]),
        ("\" she\"", "\"\"", &["`label` is empty"]),
        (
            "\"base_span\": \"Bob\"",
            "\"base_position\": 2.5",
            &["`base_position` must be a whole number", "-1", "not 2.5"],
        ),
        (
            "\"base_span\": \"Bob\"",
            "\"base_positions\": []",
            &["`base_positions` must be a list of whole numbers, not []"],
        ),
        (
            "\"base_span\": \"Bob\"",
            "\"base_span\": \"Bob\", \"base_position\": 2",
            &["expected `base_span` or `base_position`, not both"],
        ),
        ("\"source_span\"", "\"sources\": [], \"source_span\"", &["`source` with its keys, or `sources`, not both"]),
        ("}", "", &["not JSON: EOF", "(column 138)"]),
        ("{", "[{", &["not JSON: "]),
        (GOOD, "[1, 2]", &["each line must be an object, ", "not [1,2]"]),
        (
            "\"source\": \"Yesterday, Ann left because\"",
            "\"sources\": [{\"source\": \"Ann\", \"span\": \"Ann\"}]",
            &["`source` with its keys"],
        ),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (from, to, parts) in cases {
        assert!(GOOD.contains(from), "{from} is not in the good row");
        let path = folder.path().join("bad.jsonl");
        fs::write(&path, format!("{GOOD}\n\n{}\n{GOOD}\n", GOOD.replacen(from, to, 1))).unwrap();
        let error = data::read(&path).unwrap_err().to_string();
        assert!(error.contains("bad.jsonl:3: "), "{error}");
        for part in parts {
            assert!(error.contains(part), "`{part}` is not in: {error}");
        }
    }
    let empty = folder.path().join("empty.jsonl");
    fs::write(&empty, "\n").unwrap();
    assert!(data::read(&empty).unwrap_err().to_string().contains("empty.jsonl: no rows"));
    assert!(data::read(&folder.path().join("pairs.csv")).unwrap_err().to_string().contains(".jsonl or .parquet"));
    assert!(data::read(&folder.path().join("none.jsonl")).unwrap_err().to_string().contains("none.jsonl: cannot read"));
    fs::write(folder.path().join("x.parquet"), "no Parquet").unwrap();
    let error = data::read(&folder.path().join("x.parquet")).unwrap_err().to_string();
    assert!(error.contains("x.parquet: not the Parquet expected here: "), "{error}");
}

#[test]
fn rows_that_cannot_become_tokens_are_refused() {
    let tokenizer = tokenizer();
    let cases: [(&str, &str, Position, &[&str]); 8] = [
        (
            "\" she\"",
            "\" telephone\"",
            Position::default(),
            &["the label \" telephone\" is", "tokens (` t`", "one is needed"],
        ),
        ("\" she\"", "\"she\"", Position::default(), &["runs into the prompt's last word: write \" she\""]),
        ("\"base_span\": \"Bob\"", "\"base_position\": 9", Position::default(), &["position 9", "the base ", "tokens"]),
        ("\"base_span\": \"Bob\"", "\"base_position\": -99", Position::default(), &["position -99 does not exist"]),
        ("\"base_span\": \"Bob\", ", "", Position::default(), &["`base_span` or `base_position` is needed"]),
        ("\"Bob\"", "\"Bob\"", slot("sapn", Take::Last), &["there is no position `sapn`; did you mean `span`?"]),
        (
            "\"Ann\"",
            "\"Ann left\"",
            slot("span", Take::All),
            &["`span:all` is 3 tokens of the base and 4 of the source"],
        ),
        ("\"Bob\"", "\"Bob\"", Position::Index(50), &["position 50 does not exist", "counted from 0"]),
    ];
    for (from, to, position, parts) in cases {
        assert!(GOOD.contains(from), "{from} is not in the good row");
        let row = line(&GOOD.replacen(from, to, 1)).unwrap();
        let error = Encoder::new(&tokenizer, position).pair(&row).unwrap_err().to_string();
        assert!(error.contains("pairs.jsonl:1: "), "{error}");
        for part in parts {
            assert!(error.contains(part), "`{part}` is not in: {error}");
        }
    }
}
