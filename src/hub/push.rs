//! Publishing: uploading all files of a repository in one commit.

use std::path::PathBuf;

use hf_hub::repository::{AddSource, CommitOperation, RepoTypeModel};

use super::cache::RepositoryType;
use super::client::{Client, offline};
use super::explain::Request;
use super::id::Id;
use super::progress::watched;
use crate::error::Error;
use crate::monitor::Monitor;

/// A file to publish.
#[derive(Clone, Debug)]
pub struct Upload {
    /// Its path in the repository.
    pub path: String,
    /// Its content.
    pub content: Content,
}

/// The content of a file to publish.
#[derive(Clone, Debug)]
pub enum Content {
    /// Bytes in memory.
    Bytes(Vec<u8>),
    /// The content of a file on disk.
    File(PathBuf),
}

/// A published commit.
#[derive(Clone, Debug)]
pub struct Pushed {
    /// The address of the repository's page.
    pub page: String,
    /// The commit's hash, if the Hub returned it.
    pub commit: Option<String>,
}

/// Creates the repository if it does not exist, and uploads all files in one commit, large ones through the Hub's
/// content store. On an error, none of the files is visible in the repository.
pub fn push(
    id: &Id,
    files: &[Upload],
    private: bool,
    message: &str,
    monitor: &mut dyn Monitor,
) -> Result<Pushed, Error> {
    let client = Client::new()?;
    let request = Request { client: &client, kind: RepositoryType::Model, id };
    if offline() {
        return Err(request.wrong("HF_HUB_OFFLINE is set: unset it to publish"));
    }
    if client.token.value().is_none() {
        let problem = "publishing needs a token with write access: set HF_TOKEN, or log in with `hf auth login`";
        return Err(request.wrong(problem));
    }
    if let Some(revision) = &id.revision {
        return Err(request.wrong(format!("only the main branch can be published to: leave out @{revision}")));
    }
    let create = client.hub.create_repository().repo_id(&id.name).repo_type(RepoTypeModel);
    create
        .private(private)
        .exist_ok(true)
        .send()
        .map_err(|error| request.error(&format!("creating the repository {}", id.name), &error))?;

    let mut bytes = 0;
    let mut operations = Vec::new();
    for Upload { path, content } in files {
        let source = match content {
            Content::Bytes(content) => {
                bytes += content.len() as u64;
                AddSource::bytes(content.clone())
            }
            Content::File(file) => {
                bytes += file.metadata().map_err(Error::file(file, "cannot read"))?.len();
                AddSource::file(file)
            }
        };
        operations.push(CommitOperation::Add { path_in_repo: path.clone(), source });
    }
    let repository = client.model(id);
    monitor.begin_transfer("publishing", bytes);
    let commit = watched(monitor, |bytes| {
        repository.create_commit().operations(operations).commit_message(message).progress(bytes).send()
    });
    monitor.end_transfer();
    let commit = commit.map_err(|error| {
        let problem = request.problem("publishing", &error);
        request.wrong(format!("publishing: {problem}. No file has been published: all files are one commit"))
    })?;
    Ok(Pushed { page: format!("{}/{}", client.endpoint, id.name), commit: commit.commit_oid })
}
