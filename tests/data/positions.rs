//! Positions, spans, sources and labels become the tokens that they name.

use intervene::data::{Encoder, Position, Take};

use super::{GOOD, line, slot, tokenizer};

#[test]
fn named_positions_are_the_named_tokens() {
    let tokenizer = tokenizer();
    // `Bob` is a space and three letters in this tokenizer.
    let row = line(GOOD).unwrap();
    let at = |position: &str| {
        let pair = Encoder::new(&tokenizer, position.parse().unwrap()).pair(&row).unwrap();
        assert_eq!(pair.base.tokens[..], tokenizer.encode("Yesterday, Bob left because").unwrap());
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
fn an_answer_is_tokenised_after_its_prompt() {
    let tokenizer = tokenizer();
    let label = |base: &str, label: &str| {
        let row = line(&serde_json::json!({"base": base, "source": base, "label": label, "base_position": 0, "source_position": 0}).to_string());
        Encoder::new(&tokenizer, Position::default()).pair(&row.unwrap()).map(|pair| tokenizer.token(pair.labels[0]))
    };
    assert_eq!(label("Kate left because", " she").unwrap(), " she");
    assert_eq!(label("Kate left:\n", "b").unwrap(), "b");
    // The space belongs to the prompt: the model has read it as a separate token.
    assert_eq!(label("Kate left because ", "b").unwrap(), "b");
    assert!(label("Kate left becaus", "e").is_err());
}
