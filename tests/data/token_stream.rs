//! Tokens decoded one by one.

use intervene::data::TokenStream;

use super::small_tokenizer::tokenizer;

/// The character that a decoder outputs for the bytes of an incomplete character.
const INCOMPLETE: char = '\u{FFFD}';

#[test]
fn the_concatenated_output_is_the_text_and_no_character_is_split() {
    let tokenizer = tokenizer();
    let tokens = tokenizer.encode("Ann mé éé Ann").unwrap();
    for prompt in [0, 1, 2, 4] {
        let mut stream = TokenStream::after(&tokens[..prompt], &tokenizer);
        let mut pieces: Vec<String> = tokens[prompt..].iter().map(|token| stream.push(*token).unwrap()).collect();
        pieces.push(stream.finish().unwrap());
        assert!(pieces.iter().all(|piece| !piece.contains(INCOMPLETE)), "{pieces:?}");
        assert!(pieces.iter().any(String::is_empty), "no character was ever held back: {pieces:?}");
        let whole = tokenizer.decode(&tokens).unwrap();
        assert_eq!(pieces.concat(), whole[tokenizer.decode(&tokens[..prompt]).unwrap().len()..]);
    }
}

#[test]
fn an_incomplete_character_is_returned_at_the_end() {
    let tokenizer = tokenizer();
    let half = tokenizer.encode("é").unwrap()[0];
    let mut stream = TokenStream::after(&[], &tokenizer);
    assert_eq!(stream.push(half).unwrap(), "");
    assert_eq!(stream.finish().unwrap(), INCOMPLETE.to_string());
}
