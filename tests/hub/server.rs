//! A simulated Hugging Face Hub: a server on this machine that implements the part of the protocol that clients use.
//!
//! It creates repositories, lists and serves files (ranges too), and accepts commits: `preupload` says which files are
//! large; those go through the LFS batch into a content store (xorbs of chunks, and a shard that lists the chunks of each
//! file); the commit puts all files in place, or none.

mod endpoints;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};

use self::endpoints::{cas, route};
use super::store::Store;

/// The token that this server accepts.
pub const TOKEN: &str = "hf_aVerySecretToken4711";

/// A repository: the files of each of its commits, the last of which is `main`.
#[derive(Default)]
pub struct Repository {
    pub commits: Vec<BTreeMap<String, Vec<u8>>>,
    pub gated: bool,
    pub private: bool,
}

/// The state of the server, and the requests that it received.
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

/// The server; it runs until the process ends.
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

    /// Adds a commit with these files to a repository.
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
        // The client may have closed the connection.
        let _ = stream.write_all(format!("{head}\r\n").as_bytes()).and_then(|()| stream.write_all(body));
    }

    fn answer(&self, request: &Request) -> Answer {
        let mut state = self.state();
        let range = request.headers.get("range").map_or_else(String::new, |range| format!(" {range}"));
        let line = format!("{} {}{range}", request.method, request.path);
        state.requests.push(line.clone());
        let token = request.headers.get("authorization").map(|value| value.trim_start_matches("Bearer ").to_owned());
        if let Some((what, status)) = state.refuse.filter(|(what, _)| line.contains(what)) {
            // The message of a server may hold the token.
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
