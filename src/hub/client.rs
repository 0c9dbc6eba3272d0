//! The connection to the Hub.

use hf_hub::repository::{RepoTypeDataset, RepoTypeModel};
use hf_hub::{HFClient, HFClientSync, HFRepositorySync};

use super::id::Id;
use super::token::{Token, variable};
use crate::error::Error;

/// The number of retries after a temporary failure.
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
