//! A tokenizer of twelve tokens.

use intervene::data::Tokenizer;

/// Words and single letters; `Ann` is one token.
pub fn tokenizer() -> Tokenizer {
    let json = r#"{"version":"1.0","truncation":null,"padding":null,"added_tokens":[],"normalizer":null,
        "pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":false,"use_regex":true},
        "post_processor":null,"decoder":{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":false,"use_regex":true},
        "model":{"type":"BPE","vocab":{"A":0,"n":1,"Ġ":2,"m":3,"e":4,"t":5,"An":6,"Ann":7,"ĠAnn":8,"Ġm":9,"Ã":10,"©":11},
        "merges":["A n","An n","Ġ Ann","Ġ m"]}}"#;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tokenizer.json"), json).unwrap();
    Tokenizer::load(folder.path()).unwrap()
}

#[test]
fn text_is_encoded_and_decoded() {
    let tokenizer = tokenizer();
    let tokens = tokenizer.encode("Ann met Ann").unwrap();
    assert_eq!(tokens, [7, 9, 4, 5, 8]);
    assert_eq!(tokenizer.decode(&tokens).unwrap(), "Ann met Ann");
    assert_eq!(tokenizer.single(" Ann").unwrap(), 8);
    assert!(tokenizer.single(" met").unwrap_err().to_string().contains("is 3 tokens (` m`, `e`, `t`)"));
}

#[test]
fn a_part_has_the_positions_of_its_tokens() {
    let tokenizer = tokenizer();
    assert_eq!(tokenizer.positions("Ann met Ann", "Ann", 0).unwrap(), 0..1);
    assert_eq!(tokenizer.positions("Ann met Ann", "Ann", 1).unwrap(), 4..5);
    assert_eq!(tokenizer.positions("Ann met Ann", "met", 0).unwrap(), 1..4);
    assert_eq!(tokenizer.positions("né Ann", "Ann", 0).unwrap(), 3..4);
    let error = tokenizer.positions("Ann met Ann", "Ann", 2).unwrap_err().to_string();
    assert!(error.contains("2 times"), "{error}");
}

#[test]
fn an_empty_prompt_is_refused() {
    assert!(tokenizer().encode("").unwrap_err().to_string().contains("an empty prompt"));
}
