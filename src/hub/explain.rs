//! Error messages for the Hub's answers: they say what is wrong, where, and how to fix it.

use hf_hub::HFError;

use super::cache::RepositoryType;
use super::client::Client;
use super::id::Id;
use crate::error::Error;

#[derive(Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) client: &'a Client,
    pub(super) kind: RepositoryType,
    pub(super) id: &'a Id,
}

/// Returns true if the server cannot be reached or is temporarily unable to answer.
pub(super) fn is_unreachable(error: &HFError) -> bool {
    match error {
        HFError::Request { source, .. } => source.is_connect() || source.is_timeout(),
        HFError::Http { context } => matches!(context.status.as_u16(), 500 | 502 | 503 | 504),
        _ => false,
    }
}

/// Returns true if the repository and the revision exist but the file does not.
pub(super) fn is_missing_file(error: &HFError) -> bool {
    match error {
        HFError::EntryNotFound { .. } => {
            !matches!(code(error), Some("RepoNotFound" | "RevisionNotFound" | "GatedRepo"))
        }
        _ => code(error) == Some("EntryNotFound"),
    }
}

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

impl Request<'_> {
    pub(super) fn error(&self, doing: &str, error: &HFError) -> Error {
        self.wrong(format!("{doing}: {}", self.problem(doing, error)))
    }

    /// Returns a message that says what is wrong and how to fix it.
    pub(super) fn problem(&self, doing: &str, error: &HFError) -> String {
        let known = code(error);
        match error {
            _ if known == Some("GatedRepo") => self.gated(),
            _ if known == Some("RepoNotFound") => self.no_repository(),
            _ if known == Some("RevisionNotFound") => self.no_revision(),
            HFError::RepoNotFound { .. } => self.no_repository(),
            HFError::RevisionNotFound { .. } => self.no_revision(),
            HFError::EntryNotFound { path, .. } => format!("the {} has no file {path}", self.kind.name()),
            HFError::AuthRequired { .. } if self.client.token.value().is_some() => {
                "the Hub refused the token (401): it is mistyped, revoked or expired. Set HF_TOKEN to a valid token, or \
                 log in again with `hf auth login`"
                    .to_owned()
            }
            HFError::AuthRequired { .. } => {
                "the Hub requires a token (401), and none is set: set HF_TOKEN, or log in with `hf auth login`".to_owned()
            }
            HFError::Forbidden { .. } => format!(
                "the token does not permit this (403): {} needs a token with write access to {}{}",
                doing,
                self.id.parts().0,
                self.server_message(error)
            ),
            HFError::RateLimited { retry_after, .. } => {
                let after = retry_after.map_or(String::new(), |after| format!(" in {} seconds", after.as_secs()));
                format!("the Hub received too many requests: try again{after}")
            }
            HFError::Conflict { .. } => {
                format!("the repository was changed by another commit: try again{}", self.server_message(error))
            }
            _ if is_unreachable(error) => format!(
                "{} cannot be reached: {}. Without a network, HF_HUB_OFFLINE=1 uses the files in the cache",
                &self.client.endpoint,
                self.server_message(error).trim_start_matches(": ")
            ),
            HFError::Request { source, .. } if source.is_body() || source.is_decode() || source.is_request() => format!(
                "the connection was interrupted{}. The received part is saved: run the same command again to continue",
                self.server_message(error)
            ),
            HFError::Io(_) => format!("the cache cannot be written{}", self.server_message(error)),
            _ => format!("unexpected answer from {}{}", self.client.endpoint, self.server_message(error)),
        }
    }

    /// Returns an error about the repository; the token is removed from the message.
    pub(super) fn wrong(&self, problem: impl Into<String>) -> Error {
        Error::Hub { repository: self.id.to_string(), problem: self.client.token.redact(&problem.into()) }
    }

    fn gated(&self) -> String {
        let (endpoint, name) = (&self.client.endpoint, &self.id.name);
        let token = match self.client.token.value() {
            Some(_) => "and use a token of the account that has access",
            None => "and set HF_TOKEN to a token of the account that has access (no token is set)",
        };
        format!("the {} is gated: request access at {endpoint}/{name}, {token}", self.kind.name())
    }

    fn no_repository(&self) -> String {
        let token = match self.client.token.value() {
            Some(_) => "the token has no access to it",
            None => "a private one needs a token (HF_TOKEN, or `hf auth login`)",
        };
        format!("there is no folder and no {} with this name on the Hub, or it is private: {token}", self.kind.name())
    }

    fn no_revision(&self) -> String {
        format!(
            "the {} has no revision `{}`: a branch, a tag or a full commit hash is needed",
            self.kind.name(),
            self.id.revision()
        )
    }

    /// Returns the message of the system or the server after a colon; empty if there is none.
    fn server_message(&self, error: &HFError) -> String {
        let mut text = match error {
            HFError::Http { context } | HFError::Forbidden { context } | HFError::Conflict { context } => {
                let message = context.server_message.as_deref().unwrap_or_default();
                format!("{} {message}", context.status)
            }
            // The last source is the system's message; those before it only repeat the address.
            HFError::Request { source, .. } => {
                let mut last: &dyn std::error::Error = source;
                while let Some(next) = last.source() {
                    last = next;
                }
                last.to_string()
            }
            other => other.to_string(),
        };
        text.truncate(text.char_indices().nth(300).map_or(text.len(), |(at, _)| at));
        let text = text.trim();
        if text.is_empty() { String::new() } else { format!(": {text}") }
    }
}
