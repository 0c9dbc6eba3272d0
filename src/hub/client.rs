//! The connection to the Hub.

use hf_hub::repository::{RepoTypeDataset, RepoTypeModel};
use hf_hub::{HFClient, HFClientSync, HFRepositorySync};

use super::id::Id;
use super::token::{Token, variable};
use crate::error::Error;

/// Tries again after a failure that may pass.
const TRIES_AGAIN: usize = 3;

/// The Hub, as the environment describes it.
pub(super) struct Client {
    pub(super) hub: HFClientSync,
    pub(super) token: Token,
    /// Where the Hub is.
    pub(super) endpoint: String,
}

impl Client {
    pub(super) fn new() -> Result<Self, Error> {
        let token = Token::find();
        let endpoint = variable("HF_ENDPOINT").unwrap_or_else(|| "https://huggingface.co".to_owned());
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        let builder = HFClient::builder().endpoint(&endpoint).retry_max_attempts(TRIES_AGAIN);
        let builder = builder.user_agent(concat!("intervene/", env!("CARGO_PKG_VERSION")));
        let builder = match token.given() {
            Some(token) => builder.token(token),
            None => builder,
        };
        let hub = builder.build_sync().map_err(|error| {
            let said = token.without(&error.to_string());
            Error::Invalid(format!("the Hub's client cannot be made (HF_ENDPOINT is an address, https://..): {said}"))
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

/// Is only the cache to be used?
pub(super) fn offline() -> bool {
    let set = variable("HF_HUB_OFFLINE").unwrap_or_default().to_uppercase();
    ["1", "ON", "YES", "TRUE"].contains(&set.as_str())
}
