//! The connection to the Hub, and the token, which is sent to the Hub and never written elsewhere.

use std::path::PathBuf;
use std::{env, fmt, fs};

use hf_hub::repository::{RepoTypeDataset, RepoTypeModel};
use hf_hub::{HFClient, HFClientSync, HFRepositorySync};

use super::id::Id;
use crate::error::Error;

const RETRIES: usize = 3;

/// A client of the Hub, configured from environment variables.
pub(super) struct Client {
    pub(super) hub: HFClientSync,
    pub(super) token: Token,
    /// The Hub's address, without a trailing slash.
    pub(super) endpoint: String,
}

impl Client {
    pub(super) fn new() -> Result<Self, Error> {
        let token = Token::find();
        let endpoint = variable("HF_ENDPOINT").unwrap_or_else(|| "https://huggingface.co".to_owned());
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        let builder = HFClient::builder().endpoint(&endpoint).retry_max_attempts(RETRIES);
        let builder = builder.user_agent(concat!("intervene/", env!("CARGO_PKG_VERSION")));
        let builder = match token.value() {
            Some(token) => builder.token(token),
            None => builder,
        };
        let hub = builder.build_sync().map_err(|error| {
            let reason = token.redact(&error.to_string());
            Error::Invalid(format!("cannot connect to the Hub (HF_ENDPOINT must be an address, https://..): {reason}"))
        })?;
        Ok(Self { hub, token, endpoint })
    }

    pub(super) fn model(&self, id: &Id) -> HFRepositorySync<RepoTypeModel> {
        let (owner, name) = id.parts();
        self.hub.model(owner, name)
    }

    pub(super) fn dataset(&self, id: &Id) -> HFRepositorySync<RepoTypeDataset> {
        let (owner, name) = id.parts();
        self.hub.dataset(owner, name)
    }
}

/// Returns true if `HF_HUB_OFFLINE` is set, so that only the cache may be used.
pub(super) fn offline() -> bool {
    let value = variable("HF_HUB_OFFLINE").unwrap_or_default().to_uppercase();
    ["1", "ON", "YES", "TRUE"].contains(&value.as_str())
}

#[derive(Clone)]
pub(super) struct Token(Option<String>);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Token(***)" } else { "Token(none)" })
    }
}

impl Token {
    /// Reads the token from the first of `HF_TOKEN`, the file at `HF_TOKEN_PATH`, and the file of `hf auth login`, in
    /// the order of the Hub's other clients.
    pub(super) fn find() -> Self {
        if variable("HF_HUB_DISABLE_IMPLICIT_TOKEN").is_some() {
            return Self(None);
        }
        let file = |path: PathBuf| fs::read_to_string(path).ok();
        let token = variable("HF_TOKEN")
            .or_else(|| variable("HF_TOKEN_PATH").and_then(|path| file(path.into())))
            .or_else(|| file(hf_hub::hf_home().join("token")));
        Self(token.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty()))
    }

    pub(super) fn value(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// Replaces the token by `***` in a text, such as a server's message.
    pub(super) fn redact(&self, text: &str) -> String {
        self.value().map_or_else(|| text.to_owned(), |token| text.replace(token, "***"))
    }
}

/// Returns the value of an environment variable; `None` if it is unset or empty.
pub(super) fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::Token;

    #[test]
    fn a_token_is_never_printed() {
        let token = Token(Some("hf_secret".to_owned()));
        assert!(!format!("{token:?}").contains("secret"));
        assert_eq!(token.redact("Bearer hf_secret is wrong"), "Bearer *** is wrong");
        assert_eq!(Token(None).redact("no token here"), "no token here");
    }
}
