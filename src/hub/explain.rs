//! What the Hub's answers mean, in words for the person who can mend it.

use hf_hub::HFError;

use super::cache::RepositoryType;
use super::client::Client;
use super::id::Id;
use crate::error::Error;

/// What was asked of which repository.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) client: &'a Client,
    pub(super) kind: RepositoryType,
    pub(super) id: &'a Id,
}

/// Is the server out of reach, or not able to answer just now?
pub(super) fn is_unreachable(error: &HFError) -> bool {
    match error {
        HFError::Request { source, .. } => source.is_connect() || source.is_timeout(),
        HFError::Http { context } => matches!(context.status.as_u16(), 500 | 502 | 503 | 504),
        _ => false,
    }
}

/// Is it the file alone that is not there?
pub(super) fn is_missing_file(error: &HFError) -> bool {
    match error {
        HFError::EntryNotFound { .. } => {
            !matches!(code(error), Some("RepoNotFound" | "RevisionNotFound" | "GatedRepo"))
        }
        _ => code(error) == Some("EntryNotFound"),
    }
}

/// The Hub's own name for what went wrong.
fn code(error: &HFError) -> Option<&str> {
    let context = match error {
        HFError::Http { context }
        | HFError::AuthRequired { context }
        | HFError::Forbidden { context }
        | HFError::Conflict { context }
        | HFError::RateLimited { context, .. } => Some(context),
        HFError::RepoNotFound { context, .. }
        | HFError::RevisionNotFound { context, .. }
        | HFError::EntryNotFound { context, .. } => context.as_ref(),
        _ => None,
    };
    context?.error_code.as_deref()
}

impl Asked<'_> {
    /// An error about the repository; `doing` says at what it happened, "fetching config.json" say.
    pub(super) fn error(&self, doing: &str, error: &HFError) -> Error {
        self.wrong(format!("{doing}: {}", self.problem(doing, error)))
    }

    /// What went wrong, and what can be done.
    pub(super) fn problem(&self, doing: &str, error: &HFError) -> String {
        let known = code(error);
        match error {
            _ if known == Some("GatedRepo") => self.gated(),
            _ if known == Some("RepoNotFound") => self.no_repository(),
            _ if known == Some("RevisionNotFound") => self.no_revision(),
            HFError::RepoNotFound { .. } => self.no_repository(),
            HFError::RevisionNotFound { .. } => self.no_revision(),
            HFError::EntryNotFound { path, .. } => format!("the {} has no file {path}", self.kind.name()),
            HFError::AuthRequired { .. } if self.client.token.given().is_some() => {
                "the Hub refused the token (401): it is mistyped, revoked or expired. Set HF_TOKEN to a valid one, or \
                 log in anew with `hf auth login`"
                    .to_owned()
            }
            HFError::AuthRequired { .. } => {
                "the Hub wants to know who asks (401), and there is no token: set HF_TOKEN, or log in with `hf auth login`"
                    .to_owned()
            }
            HFError::Forbidden { .. } => format!(
                "the token is not allowed to do this (403): {} needs one with the right to write to {}{}",
                doing,
                self.id.parts().0,
                self.said(error)
            ),
            HFError::RateLimited { retry_after, .. } => {
                let after = retry_after.map_or(String::new(), |after| format!(" in {} seconds", after.as_secs()));
                format!("too many requests for the Hub: try again{after}")
            }
            HFError::Conflict { .. } => {
                format!("somebody else changed the repository at the same moment: try again{}", self.said(error))
            }
            _ if is_unreachable(error) => format!(
                "{} cannot be reached: {}. Without a network HF_HUB_OFFLINE=1 uses what was fetched before",
                &self.client.endpoint,
                self.said(error).trim_start_matches(": ")
            ),
            HFError::Request { source, .. } if source.is_body() || source.is_decode() || source.is_request() => format!(
                "the connection broke off{}. What has come is kept: the same command goes on from there",
                self.said(error)
            ),
            HFError::Io(_) => format!("the cache cannot be written{}", self.said(error)),
            _ => format!("the Hub's answer was of no use{}", self.said(error)),
        }
    }

    /// An error about the repository.
    pub(super) fn wrong(&self, problem: impl Into<String>) -> Error {
        Error::Hub { repository: self.id.to_string(), problem: self.client.token.without(&problem.into()) }
    }

    fn gated(&self) -> String {
        let (endpoint, name) = (&self.client.endpoint, &self.id.name);
        let token = match self.client.token.given() {
            Some(_) => "and give a token of the account that was let in",
            None => "and set HF_TOKEN to a token of the account that was let in (there is none now)",
        };
        format!("the {} is gated: ask for access at {endpoint}/{name}, {token}", self.kind.name())
    }

    fn no_repository(&self) -> String {
        let token = match self.client.token.given() {
            Some(_) => "the token given does not see it",
            None => "a private one needs a token (HF_TOKEN, or `hf auth login`)",
        };
        format!("there is no folder and no {} of that name on the Hub, or it is private: {token}", self.kind.name())
    }

    fn no_revision(&self) -> String {
        format!(
            "the {} has no revision `{}`: a branch, a tag or a whole commit is needed",
            self.kind.name(),
            self.id.revision()
        )
    }

    /// What the system or the server said, with a colon before it.
    fn said(&self, error: &HFError) -> String {
        let mut said = match error {
            HFError::Http { context } | HFError::Forbidden { context } | HFError::Conflict { context } => {
                let message = context.server_message.as_deref().unwrap_or_default();
                format!("{} {message}", context.status)
            }
            // The chain's last link is what the system said; the links before it only repeat the address.
            HFError::Request { source, .. } => {
                let mut last: &dyn std::error::Error = source;
                while let Some(next) = last.source() {
                    last = next;
                }
                last.to_string()
            }
            other => other.to_string(),
        };
        said.truncate(said.char_indices().nth(300).map_or(said.len(), |(at, _)| at));
        let said = said.trim();
        if said.is_empty() { String::new() } else { format!(": {said}") }
    }
}
