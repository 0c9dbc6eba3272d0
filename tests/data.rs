//! Pairs from files, and text to tokens.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use intervene::data::{self, Encoder, Marks, Position, Row, Take, Tokenizer};
use intervene::tasks::{Split, prompt_task};
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::file::writer::SerializedFileWriter;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn fixture(name: &str) -> PathBuf {
    root().join("tests/fixtures/data").join(name)
}

/// A byte-level BPE that knows the words of the gender data.
fn tokenizer() -> Tokenizer {
    Tokenizer::load(&fixture("")).unwrap()
}

fn slot(name: &str, take: Take) -> Position {
    Position::Slot(name.to_owned(), take)
}

/// The one row of a file with this line.
fn line(line: &str) -> Result<Row, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pairs.jsonl");
    fs::write(&path, line).unwrap();
    data::read(&path).map(|mut rows| rows.remove(0)).map_err(|error| error.to_string())
}

const GOOD: &str = r#"{"base": "Yesterday, Bob left because", "source": "Yesterday, Ann left because", "label": " she", "base_span": "Bob", "source_span": "Ann"}"#;

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
fn rows_that_cannot_become_tokens_say_so() {
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

#[test]
fn positions_are_what_their_names_say() {
    let tokenizer = tokenizer();
    // Bob is three letters to it, after a space of its own.
    let row = line(GOOD).unwrap();
    let at = |position: &str| {
        let pair = Encoder::new(&tokenizer, position.parse().unwrap()).pair(&row).unwrap();
        assert_eq!(pair.base.tokens, tokenizer.encode("Yesterday, Bob left because").unwrap());
        assert_eq!(tokenizer.decode(&[pair.labels[0]]).unwrap(), " she");
        assert_eq!(pair.base_answer, None);
        pair.base.positions
    };
    let name = tokenizer.positions("Yesterday, Bob left because", "Bob", 0).unwrap();
    let count = tokenizer.encode("Yesterday, Bob left because").unwrap().len();
    assert!(name.len() > 1, "{name:?}");
    assert_eq!(at("span"), [name.end - 1]);
    assert_eq!(at("span:first"), [name.start]);
    assert_eq!(at("span:all"), name.clone().collect::<Vec<_>>());
    assert_eq!(at("0"), [0]);
    assert_eq!(at("-1"), [count - 1]);
    assert_eq!(at("last"), [count - 1]);

    let special = Encoder { special_tokens: true, ..Encoder::new(&tokenizer, slot("span", Take::First)) };
    let pair = special.pair(&row).unwrap();
    assert_eq!(tokenizer.token(pair.base.tokens[0]), "<s>");
    assert_eq!(
        (pair.base.tokens.len(), pair.base.positions[0]),
        (count + 1, name.start + 1),
        "no token after the text"
    );
}

#[test]
fn positions_are_read_and_written_like_in_recipes() {
    #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Table {
        position: Vec<Position>,
    }
    let text = "position = [\"name\", \"name:first\", \"name:all\", 3, -1, \"-2\"]";
    let table: Table = toml::from_str(text).unwrap();
    let expected = [
        slot("name", Take::Last),
        slot("name", Take::First),
        slot("name", Take::All),
        Position::Index(3),
        Position::Index(-1),
        Position::Index(-2),
    ];
    assert_eq!(table.position, expected);
    assert_eq!(toml::from_str::<Table>(&toml::to_string(&table).unwrap()).unwrap(), table);
    let error = toml::from_str::<Table>("position = [\"name:frist\"]").unwrap_err().to_string();
    assert!(error.contains("did you mean `first`?"), "{error}");
    let error = toml::from_str::<Table>("position = [true]").unwrap_err().to_string();
    assert!(error.contains("a slot's name such as"), "{error}");
}

#[test]
fn a_span_is_a_whole_word_where_there_is_one() {
    let row = line(&GOOD.replace("Yesterday, Ann left because", "Yesterday, Annie met Ann because")).unwrap();
    let (_, span) = &row.sources[0].1.spans[1];
    assert_eq!((span.start, &row.sources[0].1.text[span.clone()]), (21, "Ann"));
    let row = line(&GOOD.replace("Yesterday, Ann left because", "Yesterday, Annie left because")).unwrap();
    assert_eq!(row.sources[0].1.spans[1].1, 11..14);
}

#[test]
fn several_sources_are_several_variables() {
    let sources = r#"[{"source": "Yesterday, Ann left because", "source_span": "Ann", "source_answer": " she"}, {"source": "Yesterday, Tom left because", "source_position": -1}]"#;
    let row = line(&format!("{{\"base\": \"Yesterday, Bob left because\", \"base_position\": 2, \"label\": \" he\", \"sources\": {sources}}}")).unwrap();
    let tokenizer = tokenizer();
    let pair = Encoder::new(&tokenizer, Position::default()).pair(&row).unwrap();
    assert_eq!(pair.sources.iter().map(|(variable, _)| *variable).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(pair.base.positions, [2]);
    assert_eq!(pair.sources[1].1.positions, [pair.sources[1].1.tokens.len() - 1]);
    assert_eq!(pair.source_answers, [Some(tokenizer.single(" she").unwrap()), None]);
    let bad = sources.replacen("source_span", "span", 1);
    let error = line(&format!("{{\"base\": \"b\", \"label\": \" he\", \"sources\": {bad}}}")).unwrap_err();
    assert!(error.contains("unknown key `span`"), "{error}");
}

#[test]
fn an_answer_goes_on_after_the_prompt() {
    let tokenizer = tokenizer();
    let label = |base: &str, label: &str| {
        let row = line(&serde_json::json!({"base": base, "source": base, "label": label, "base_position": 0, "source_position": 0}).to_string());
        Encoder::new(&tokenizer, Position::default()).pair(&row.unwrap()).map(|pair| tokenizer.token(pair.labels[0]))
    };
    assert_eq!(label("Kate left because", " she").unwrap(), " she");
    assert_eq!(label("Kate left:\n", "b").unwrap(), "b");
    // With the answer the space would be the answer's, but the model has read it as a token of its own.
    assert_eq!(label("Kate left because ", "b").unwrap(), "b");
    assert!(label("Kate left becaus", "e").is_err());
}

/// Two files of the same rows, one written by the `datasets` library.
#[test]
fn parquet_holds_what_jsonl_holds() {
    for name in ["pairs", "positions"] {
        let read = |extension: &str| -> Vec<Row> {
            let rows = data::read(&fixture(&format!("{name}.{extension}"))).unwrap().into_iter();
            rows.map(|row| Row { place: String::new(), ..row }).collect()
        };
        assert!(!read("jsonl").is_empty());
        assert_eq!(read("jsonl"), read("parquet"));
    }
    let positions = data::read(&fixture("positions.parquet")).unwrap();
    assert_eq!(positions[0].base.positions, Some(vec![1, -1]));
    assert_eq!(
        (positions[1].base_answer.as_deref(), positions[1].sources[0].1.positions.as_deref()),
        (Some(" he"), Some(&[3][..]))
    );
    assert_eq!(positions[2].label, " ça");
    assert!(positions[2].place.ends_with("positions.parquet: row 3"), "{}", positions[2].place);
}

/// A Parquet file with one row of texts.
fn write_parquet(path: &Path, columns: [(&str, &str); 3]) {
    let fields: String = columns.iter().map(|(name, _)| format!("required binary {name} (UTF8); ")).collect();
    let schema = Arc::new(parquet::schema::parser::parse_message_type(&format!("message rows {{ {fields}}}")).unwrap());
    let mut writer = SerializedFileWriter::new(fs::File::create(path).unwrap(), schema, Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    for (_, value) in columns {
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&[ByteArray::from(value)], None, None).unwrap();
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
}

#[test]
fn malformed_parquet_says_what_would_be_right() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pairs.parquet");
    write_parquet(&path, [("base", "a b"), ("source", "c d"), ("label", " e")]);
    assert_eq!(data::read(&path).unwrap()[0].label, " e");
    write_parquet(&path, [("base", "a b"), ("soruce", "c d"), ("label", " e")]);
    let error = data::read(&path).unwrap_err().to_string();
    assert!(error.contains("pairs.parquet: unknown column `soruce`; did you mean `source`?"), "{error}");
    write_parquet(&path, [("base", "a b"), ("source", "c d"), ("label", "")]);
    let error = data::read(&path).unwrap_err().to_string();
    assert!(error.contains("pairs.parquet: row 1: `label` is empty"), "{error}");
}

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
fn drawn_pairs_can_be_told_apart_by_their_tokens() {
    let tokenizer = tokenizer();
    let task = prompt_task("country_capital", 0).unwrap();
    let encoder = Encoder::new(&tokenizer, "country".parse().unwrap());
    let draw = |seed| {
        encoder.draw(task.as_ref(), Split::Train, &["capital"], 200, &mut ChaCha8Rng::seed_from_u64(seed)).unwrap()
    };
    let drawn = draw(3);
    assert_eq!((drawn.pairs.len(), &drawn), (200, &draw(3)));
    assert!(drawn.ambiguous > 0, "this tokenizer knows the first letters of capitals only");
    for pair in &drawn.pairs {
        assert_ne!(Some(pair.labels[0]), pair.base_answer);
        assert_eq!(Some(pair.labels[0]), pair.source_answers[0]);
        let [position] = pair.base.positions[..] else { panic!("one position") };
        assert!(position > 2 && position < pair.base.tokens.len() - 1);
    }
}

/// The tokenizer of SmolLM2, where there is one: `INTERVENE_SMOLLM2`, or what `scripts/smollm2.py` makes.
fn smollm2() -> Option<Tokenizer> {
    let folder = std::env::var_os("INTERVENE_SMOLLM2")
        .map_or_else(|| root().join("target/models/SmolLM2-135M-Instruct"), PathBuf::from);
    if !folder.join("tokenizer.json").is_file() {
        eprintln!("NOT TESTED: no SmolLM2 tokenizer in {}; scripts/smollm2.py makes one", folder.display());
        return None;
    }
    Some(Tokenizer::load(&folder).unwrap())
}

/// `Y`, `esterday`, `,`, and then the name.
#[test]
fn smollm2_reads_the_gender_data_with_the_name_at_token_3() {
    let Some(tokenizer) = smollm2() else { return };
    let encoder = Encoder::new(&tokenizer, Position::default());
    for (file, count) in [("train.jsonl", 480), ("test.jsonl", 128)] {
        let rows = data::read(&root().join("data/gender_agreement").join(file)).unwrap();
        let pairs = encoder.pairs(&rows).unwrap();
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
    let Some(tokenizer) = smollm2() else { return };
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
                // Every answer is one token, so nothing is ambiguous, and asking for whole answers changes nothing.
                assert_eq!(drawn.ambiguous, 0, "{name}");
                let row = Row::from_task(task.sample(split, &[variable], &mut rng).unwrap(), name);
                encoder.pair(&row).unwrap();
            }
            if name == "gender_agreement" {
                assert!(drawn.pairs.iter().all(|pair| pair.base.positions == [3]), "names are one token");
            }
        }
    }
}
