//! The endpoints of the simulated Hub: repositories, files, and commits with their large files.

use std::collections::BTreeMap;

use base64::Engine;
use serde_json::{Value, json};

use super::{Answer, Repository, Request, State};

/// A commit's name: its number in its repository.
fn commit_name(number: usize) -> String {
    format!("{:040x}", 0xc0_0000 + number)
}

pub fn route(state: &mut State, request: &Request, known: bool) -> Answer {
    let parts: Vec<&str> = request.path.trim_start_matches('/').split('/').collect();
    match (request.method.as_str(), &parts[..]) {
        ("POST", ["api", "repos", "create"]) => create(state, request),
        (_, ["api", kind, org, name, rest @ ..]) => {
            let id = format!("{kind}/{org}/{name}");
            match (request.method.as_str(), rest) {
                ("GET", ["tree", revision]) => tree(state, &id, revision, request, known),
                ("POST", ["preupload", _]) => preupload(&request.body),
                ("GET", ["xet-write-token", _]) => Answer::json(
                    &json!({"accessToken": "cas-token", "exp": 4_000_000_000_u64, "casUrl": format!("{}/cas", state.address)}),
                ),
                ("POST", ["commit", _]) => commit(state, &id, &request.body),
                _ => Answer::refusal(404, "", "there is no such endpoint"),
            }
        }
        ("POST", [_, _, "info", "lfs", "objects", "batch"]) => batch(&request.body),
        (_, ["datasets", org, name, "resolve", revision, file @ ..]) => {
            file_of(state, &format!("datasets/{org}/{name}"), revision, &file.join("/"), request, known)
        }
        (_, [org, name, "resolve", revision, file @ ..]) => {
            file_of(state, &format!("models/{org}/{name}"), revision, &file.join("/"), request, known)
        }
        _ => Answer::refusal(404, "", "there is no such endpoint"),
    }
}

fn create(state: &mut State, request: &Request) -> Answer {
    let asked: Value = serde_json::from_slice(&request.body).unwrap();
    let name = format!("models/{}/{}", asked["organization"].as_str().unwrap_or("me"), asked["name"].as_str().unwrap());
    let url = format!("{}/{}", state.address, name.trim_start_matches("models/"));
    if state.repositories.contains_key(&name) {
        return Answer::refusal(409, "", "You already created this model repo").with("X-Repo-Url", url);
    }
    let private = asked["private"].as_bool().unwrap_or(false);
    state.repositories.insert(name, Repository { private, ..Repository::default() });
    Answer::json(&json!({"url": url}))
}

/// The number and the files of a revision.
fn revision<'a>(
    state: &'a State,
    id: &str,
    revision: &str,
    known: bool,
) -> Result<(usize, &'a BTreeMap<String, Vec<u8>>), Answer> {
    let repository = state.repositories.get(id).filter(|repository| known || !repository.private);
    let missing = || match known {
        true => Answer::refusal(404, "RepoNotFound", "Repository not found"),
        false => Answer::refusal(401, "RepoNotFound", "Repository not found"),
    };
    let repository = repository.ok_or_else(missing)?;
    if repository.gated {
        return Err(Answer::refusal(if known { 403 } else { 401 }, "GatedRepo", "Access to this model is restricted."));
    }
    let found = match revision {
        "main" => repository.commits.len().checked_sub(1),
        name => (0..repository.commits.len()).find(|number| commit_name(*number) == name),
    };
    let number = found.ok_or_else(|| Answer::refusal(404, "RevisionNotFound", "Invalid rev id"))?;
    Ok((number, &repository.commits[number]))
}

fn tree(state: &State, id: &str, rev: &str, request: &Request, known: bool) -> Answer {
    assert!(request.query.contains("recursive=true"), "{}", request.query);
    match revision(state, id, rev, known) {
        Ok((_, files)) => {
            let entry = |(path, bytes): (&String, &Vec<u8>)| json!({"type": "file", "oid": tag(bytes), "size": bytes.len(), "path": path});
            Answer::json(&files.iter().map(entry).collect())
        }
        Err(answer) => answer,
    }
}

fn file_of(state: &State, id: &str, rev: &str, file: &str, request: &Request, known: bool) -> Answer {
    let (number, bytes) = match revision(state, id, rev, known) {
        Ok((number, files)) => (number, files.get(file).cloned()),
        Err(answer) => return answer,
    };
    let commit = commit_name(number);
    let Some(bytes) = bytes else {
        return Answer::refusal(404, "EntryNotFound", "Entry not found").with("X-Repo-Commit", commit);
    };
    let (tag, size) = (tag(&bytes), bytes.len());
    let range = request.headers.get("range").and_then(|range| {
        let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
        Some(from.parse::<usize>().ok()?..to.parse::<usize>().ok()? + 1)
    });
    let answer = match range {
        Some(range) => {
            let told = format!("bytes {}-{}/{size}", range.start, range.end - 1);
            Answer::new(206, &bytes[range]).with("Content-Range", told)
        }
        None if request.method == "HEAD" => Answer::new(200, "").with("Content-Length", size.to_string()),
        None => Answer::new(200, bytes),
    };
    answer.with("ETag", format!("\"{tag}\"")).with("X-Repo-Commit", commit)
}

/// A tag of content: equal for equal bytes.
fn tag(bytes: &[u8]) -> String {
    let fnv =
        |basis: u64| bytes.iter().fold(basis, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{:016x}{:016x}", fnv(0xcbf2_9ce4_8422_2325), fnv(bytes.len() as u64))
}

/// Binary files are large files, as on the Hub.
fn preupload(body: &[u8]) -> Answer {
    let asked: Value = serde_json::from_slice(body).unwrap();
    let files = asked["files"].as_array().unwrap().iter().map(|file| {
        let path = file["path"].as_str().unwrap();
        let large = [".safetensors", ".png"].iter().any(|end| path.ends_with(end)) || path.contains("tfevents");
        json!({"path": path, "uploadMode": if large { "lfs" } else { "regular" }, "shouldIgnore": false})
    });
    Answer::json(&json!({"files": files.collect::<Vec<_>>()}))
}

fn batch(body: &[u8]) -> Answer {
    let asked: Value = serde_json::from_slice(body).unwrap();
    assert_eq!((asked["operation"].as_str(), asked["hash_algo"].as_str()), (Some("upload"), Some("sha256")));
    let objects: Vec<Value> = asked["objects"].as_array().unwrap().clone();
    Answer::json(&json!({"transfer": "xet", "objects": objects}))
}

pub fn cas(state: &mut State, request: &Request) -> Answer {
    let parts: Vec<&str> = request.path.trim_start_matches("/cas/").split('/').collect();
    match (request.method.as_str(), &parts[..]) {
        ("POST", ["v1", "xorbs", _, hash]) => {
            state.store.xorb(hash, &request.body);
            Answer::json(&json!({"was_inserted": true}))
        }
        ("POST", ["v1", "shards"]) => {
            state.store.shard(&request.body);
            Answer::json(&json!({"result": 1}))
        }
        // Optional requests of the client, which continues without them.
        _ => Answer::new(404, ""),
    }
}

/// Commits all files, or none.
fn commit(state: &mut State, id: &str, body: &[u8]) -> Answer {
    let Some(repository) = state.repositories.get(id) else {
        return Answer::refusal(404, "RepoNotFound", "Repository not found");
    };
    let mut files = repository.commits.last().cloned().unwrap_or_default();
    let mut summary = None;
    for line in body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let line: Value = serde_json::from_slice(line).unwrap();
        let value = &line["value"];
        let text = |key: &str| value[key].as_str().unwrap().to_owned();
        match line["key"].as_str() {
            Some("header") => summary = Some(text("summary")),
            Some("file") => {
                let content = base64::engine::general_purpose::STANDARD.decode(text("content")).unwrap();
                files.insert(text("path"), content);
            }
            Some("lfsFile") => match state.store.file(&text("oid")) {
                Some(content) => {
                    assert_eq!(value["size"].as_u64(), Some(content.len() as u64));
                    files.insert(text("path"), content);
                }
                None => return Answer::refusal(400, "", &format!("the store has no object {}", text("oid"))),
            },
            other => return Answer::refusal(400, "", &format!("unknown key {other:?}")),
        }
    }
    let repository = state.repositories.get_mut(id).expect("it was there above");
    repository.commits.push(files);
    let name = commit_name(repository.commits.len() - 1);
    Answer::json(
        &json!({"commitUrl": format!("{}/commit/{name}", state.address), "commitOid": name, "commitMessage": summary}),
    )
}
