//! A Hub of one's own: a server on this machine that speaks as much of the Hugging Face Hub's protocol as its clients use.
//!
//! Repositories are made, files listed and fetched (in pieces too), and commits taken: `preupload` says which files are
//! large, those go through the LFS batch into a content store (xorbs of chunks, and a shard that says which chunks make a
//! file), and the commit itself puts all files in place at once or none.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

use base64::Engine;
use serde_json::{Value, json};

use crate::store::Store;

/// The token that this server takes.
pub const TOKEN: &str = "hf_aVerySecretToken4711";

/// A repository: the files of each of its commits, the last of which is `main`.
#[derive(Default)]
pub struct Repository {
    pub commits: Vec<BTreeMap<String, Vec<u8>>>,
    pub gated: bool,
    pub private: bool,
}

/// What the server knows, and what it was asked.
#[derive(Default)]
pub struct State {
    /// By `models/ORG/NAME` or `datasets/ORG/NAME`.
    pub repositories: BTreeMap<String, Repository>,
    /// Method, path and range of every request.
    pub requests: Vec<String>,
    /// Refuse requests whose line holds this, with that status.
    pub refuse: Option<(&'static str, u16)>,
    /// Break the connection off in the answer to a request of that line (its range included), after so many bytes, once.
    pub cut: Option<(&'static str, usize)>,
    store: Store,
    address: String,
}

/// The server; it runs until the test ends.
#[derive(Clone)]
pub struct Server(Arc<Mutex<State>>);

struct Request {
    method: String,
    path: String,
    query: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    /// Close the connection after so many bytes of the body.
    cut: Option<usize>,
}

impl Answer {
    fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into(), cut: None }
    }

    fn json(value: &Value) -> Self {
        Self::new(200, value.to_string()).with("Content-Type", "application/json")
    }

    /// A refusal, with the Hub's name for it.
    fn refusal(status: u16, code: &str, message: &str) -> Self {
        Self::new(status, json!({"error": message}).to_string())
            .with("X-Error-Code", code)
            .with("X-Error-Message", message)
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl Server {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let server = Self(Arc::new(Mutex::new(State { address, ..State::default() })));
        let known = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = known.clone();
                std::thread::spawn(move || server.serve(stream));
            }
        });
        server
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub fn address(&self) -> String {
        self.state().address.clone()
    }

    /// Puts a repository there, with one commit.
    pub fn hold(&self, name: &str, files: &[(&str, Vec<u8>)]) {
        let files = files.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.clone())).collect();
        self.state().repositories.entry(name.to_owned()).or_default().commits.push(files);
    }

    fn serve(&self, mut stream: TcpStream) {
        let Some(request) = read(&stream) else { return };
        let answer = self.answer(&request);
        let mut head = format!("HTTP/1.1 {} .\r\nConnection: close\r\n", answer.status);
        let length = answer.headers.iter().any(|(name, _)| *name == "Content-Length");
        if !length {
            head += &format!("Content-Length: {}\r\n", answer.body.len());
        }
        for (name, value) in &answer.headers {
            head += &format!("{name}: {value}\r\n");
        }
        let body =
            if request.method == "HEAD" { &[][..] } else { &answer.body[..answer.cut.unwrap_or(answer.body.len())] };
        // A client that has gone away is its own business.
        let _ = stream.write_all(format!("{head}\r\n").as_bytes()).and_then(|()| stream.write_all(body));
    }

    fn answer(&self, request: &Request) -> Answer {
        let mut state = self.state();
        let range = request.headers.get("range").map_or_else(String::new, |range| format!(" {range}"));
        let line = format!("{} {}{range}", request.method, request.path);
        state.requests.push(line.clone());
        let token = request.headers.get("authorization").map(|value| value.trim_start_matches("Bearer ").to_owned());
        if let Some((what, status)) = state.refuse.filter(|(what, _)| line.contains(what)) {
            // A server may say anything, the token too.
            let said = format!("{what} does not work today; you sent Bearer {}", token.unwrap_or_default());
            return Answer::refusal(status, "", &said);
        }
        if request.path.starts_with("/cas/") {
            return match token.as_deref() {
                Some("cas-token") => cas(&mut state, request),
                _ => Answer::refusal(401, "", "no token of the store"),
            };
        }
        if token.as_ref().is_some_and(|token| token != TOKEN) {
            return Answer::refusal(401, "", "Invalid credentials in Authorization header");
        }
        let writes = request.method == "POST" || request.path.contains("/xet-write-token/");
        if writes && token.is_none() {
            return Answer::refusal(401, "", "Invalid username or password.");
        }
        let mut answer = route(&mut state, request, token.is_some());
        if let Some((_, after)) = state.cut.take_if(|(what, _)| line.ends_with(*what)) {
            answer.cut = Some(after.min(answer.body.len()));
        }
        answer
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    Some(Request { method, path: path.to_owned(), query: query.to_owned(), headers, body })
}

/// A commit's name: its number in its repository.
fn commit_name(number: usize) -> String {
    format!("{:040x}", 0xc0_0000 + number)
}

fn route(state: &mut State, request: &Request, known: bool) -> Answer {
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

/// A tag for content: equal bytes have equal ones.
fn tag(bytes: &[u8]) -> String {
    let fnv =
        |basis: u64| bytes.iter().fold(basis, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{:016x}{:016x}", fnv(0xcbf2_9ce4_8422_2325), fnv(bytes.len() as u64))
}

/// What is no text is large, as on the Hub.
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

fn cas(state: &mut State, request: &Request) -> Answer {
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
        // What the client may do otherwise: it goes on with the above.
        _ => Answer::new(404, ""),
    }
}

/// All of it, or nothing.
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
