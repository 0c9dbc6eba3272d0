//! The token, which is sent to the Hub and written nowhere else.

use std::path::PathBuf;
use std::{env, fmt, fs};

/// A token, where there is one.
#[derive(Clone)]
pub(super) struct Token(Option<String>);

/// It is never shown.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Token(given)" } else { "Token(none)" })
    }
}

impl Token {
    /// As the Hub's clients look for it: `HF_TOKEN`, the file that `HF_TOKEN_PATH` names, the file of `hf auth login`.
    pub(super) fn find() -> Self {
        if variable("HF_HUB_DISABLE_IMPLICIT_TOKEN").is_some() {
            return Self(None);
        }
        let file = |path: PathBuf| fs::read_to_string(path).ok();
        let found = variable("HF_TOKEN")
            .or_else(|| variable("HF_TOKEN_PATH").and_then(|path| file(path.into())))
            .or_else(|| file(hf_hub::hf_home().join("token")));
        Self(found.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty()))
    }

    pub(super) fn given(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// A text of somebody else's, a server's say, without the token in it.
    pub(super) fn without(&self, text: &str) -> String {
        self.given().map_or_else(|| text.to_owned(), |token| text.replace(token, "***"))
    }
}

/// A variable of the environment that is set to something.
pub(super) fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::Token;

    #[test]
    fn a_token_is_not_shown() {
        let token = Token(Some("hf_secret".to_owned()));
        assert!(!format!("{token:?}").contains("secret"));
        assert_eq!(token.without("Bearer hf_secret is wrong"), "Bearer *** is wrong");
        assert_eq!(Token(None).without("as it is"), "as it is");
    }
}
