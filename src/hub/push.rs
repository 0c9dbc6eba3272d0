//! Publishing: all files of a repository in one commit.

use std::path::PathBuf;

use hf_hub::repository::{AddSource, CommitOperation, RepoTypeModel};

use super::cache::RepositoryType;
use super::client::{Client, offline};
use super::explain::Asked;
use super::id::Id;
use super::progress::Bar;
use crate::error::Error;

/// A file to publish.
#[derive(Clone, Debug)]
pub struct Upload {
    /// Its path in the repository.
    pub path: String,
    /// What is in it.
    pub content: Content,
}

/// What is in a file to publish.
#[derive(Clone, Debug)]
pub enum Content {
    /// These bytes.
    Bytes(Vec<u8>),
    /// What is in that file.
    File(PathBuf),
}

/// What was published.
#[derive(Clone, Debug)]
pub struct Pushed {
    /// The repository's page.
    pub page: String,
    /// The commit, where the Hub told it.
    pub commit: Option<String>,
}

/// Makes the repository where it is not there, and all files one commit in it, large ones by way of the Hub's content
/// store. Either all of them are there afterwards or none is.
pub fn push(id: &Id, files: &[Upload], private: bool, message: &str) -> Result<Pushed, Error> {
    let client = Client::new()?;
    let asked = Asked { client: &client, kind: RepositoryType::Model, id };
    if offline() {
        return Err(asked.wrong("HF_HUB_OFFLINE is set: without it, it is published"));
    }
    if client.token.given().is_none() {
        return Err(asked
            .wrong("publishing needs a token with the right to write: set HF_TOKEN, or log in with `hf auth login`"));
    }
    if let Some(revision) = &id.revision {
        return Err(asked.wrong(format!("publishing goes to the main branch: leave out @{revision}")));
    }
    let made = client.hub.create_repository().repo_id(&id.name).repo_type(RepoTypeModel);
    made.private(private)
        .exist_ok(true)
        .send()
        .map_err(|error| asked.error(&format!("making the repository {}", id.name), &error))?;

    let mut bytes = 0;
    let mut operations = Vec::new();
    for Upload { path, content } in files {
        let source = match content {
            Content::Bytes(own) => {
                bytes += own.len() as u64;
                AddSource::bytes(own.clone())
            }
            Content::File(file) => {
                bytes += file.metadata().map_err(Error::file(file, "cannot read"))?.len();
                AddSource::file(file)
            }
        };
        operations.push(CommitOperation::Add { path_in_repo: path.clone(), source });
    }
    let bar = Bar::new("publishing", 0, bytes);
    let repository = client.model(id);
    let commit = repository.create_commit().operations(operations).commit_message(message).progress(bar.clone()).send();
    bar.finish();
    let commit = commit.map_err(|error| {
        let problem = asked.problem("publishing", &error);
        asked.wrong(format!("publishing: {problem}. Nothing of it is visible there: all files are one commit"))
    })?;
    Ok(Pushed { page: format!("{}/{}", client.endpoint, id.name), commit: commit.commit_oid })
}
