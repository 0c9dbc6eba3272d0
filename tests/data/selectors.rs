//! The selectors of tokens by index and by text.

use intervene::data::{Positions, Tokenised};

use super::small_tokenizer::tokenizer;

fn at(positions: &str, prompt: &Tokenised) -> Result<Vec<usize>, String> {
    positions.parse::<Positions>().and_then(|positions| positions.resolve(prompt)).map_err(|e| e.to_string())
}

#[test]
fn tokens_are_selected_from_both_ends_and_by_text() {
    let prompt = tokenizer().prompt("Ann met Ann").unwrap();
    assert_eq!(at("3", &prompt).unwrap(), [3]);
    assert_eq!(at("-2", &prompt).unwrap(), [3]);
    assert_eq!(at("all", &prompt).unwrap(), [0, 1, 2, 3, 4]);
    assert_eq!(at("text:met", &prompt).unwrap(), [1, 2, 3]);
    assert_eq!(at("text[1]:Ann,0,last", &prompt).unwrap(), [4, 0, 4]);
}

#[test]
fn errors_name_the_position_and_the_valid_ones() {
    let prompt = tokenizer().prompt("Ann met Ann").unwrap();
    let refused = |positions: &str, part: &str| {
        let error = at(positions, &prompt).unwrap_err();
        assert!(error.contains(part), "{error}");
    };
    refused("5", "position 5 is past the end: there are 5 tokens, 0 to 4");
    refused("-6", "position -6 is past the end");
    refused("text:Tom", "`Tom` is not in `Ann met Ann`");
    refused("text[2]:Ann", "2 times");
    refused("text:", "unknown position `text:`");
    refused("lats", "unknown position `lats`");
    let tokens = Tokenised::from_tokens(vec![1, 2]).unwrap();
    assert!(at("text:Ann", &tokens).unwrap_err().contains("among token ids"));
    assert!(Tokenised::from_tokens(vec![]).unwrap_err().to_string().contains("an empty prompt"));
    assert!(tokenizer().prompt("").unwrap_err().to_string().contains("an empty prompt"));
}

#[test]
fn a_file_has_one_position_or_a_list() {
    let read = |json: &str| serde_json::from_str::<Positions>(json);
    assert_eq!(read("[0, \"text:a, b\", \"last\"]").unwrap().to_string(), "0,text:a, b,-1");
    assert_eq!(read("-1").unwrap(), Positions::last());
    assert_eq!(read("\"all\"").unwrap(), Positions::all());
    assert!(read("[]").unwrap_err().to_string().contains("no positions"));
    assert!(read("1.5").unwrap_err().to_string().contains("a list of positions"));
    let positions: Positions = "2,text[1]:x,all".parse().unwrap();
    assert_eq!(read(&serde_json::to_string(&positions).unwrap()).unwrap(), positions);
}
