//! Errors of the Hub say what to do, and a repeated command continues an interrupted download.

use std::fs;
use std::path::Path;

use super::server::{Server, TOKEN};
use super::{command, llama, requests, stdout};

/// The command fails with status 2; its message holds all of `parts` and not the token.
fn refused(hub: &str, home: &Path, token: Option<&str>, args: &[&str], parts: &[&str]) {
    let output = command(hub, home, token).args(args).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
    for part in parts {
        assert!(said.contains(part), "{args:?}: `{part}` is not in: {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
    if let Some(token) = token {
        assert!(!said.contains(token) && !String::from_utf8_lossy(&output.stdout).contains(token), "{said}");
    }
}

#[test]
fn refusals_of_the_hub_are_explained() {
    let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
    let hub = &server.address();
    for name in ["models/tiny/gated", "models/tiny/private", "models/tiny/llama"] {
        server.hold(name, &llama());
    }
    server.hold("models/tiny/pickled", &[llama()[0].clone(), llama()[4].clone()]);
    server.state().repositories.get_mut("models/tiny/gated").unwrap().gated = true;
    server.state().repositories.get_mut("models/tiny/private").unwrap().private = true;
    let sites = |model: &str, token: Option<&str>, parts: &[&str]| {
        refused(hub, home.path(), token, &["sites", model], parts);
    };
    sites("tiny/gated", None, &["tiny/gated: ", "is gated: request access at", "HF_TOKEN", "no token is set"]);
    sites("tiny/gated", Some(TOKEN), &["is gated", "a token of the account that has access"]);
    sites("tiny/private", None, &["there is no folder and no model with this name", "a private one needs a token"]);
    assert!(
        stdout(&command(hub, home.path(), Some(TOKEN)).args(["sites", "tiny/private"]).output().unwrap()).len() > 10
    );
    sites(
        "tiny/nothing",
        Some(TOKEN),
        &["there is no folder and no model with this name", "the token has no access to it"],
    );
    sites("tiny/llama@v9", None, &["tiny/llama@v9: ", "the model has no revision `v9`"]);
    sites("tiny/llama", Some("hf_wrongToken0000"), &["the Hub refused the token (401)", "hf auth login"]);
    sites("tiny/pickled", None, &["the model has no file model.safetensors, which is needed"]);
    refused(
        "http://127.0.0.1:1",
        home.path(),
        None,
        &["sites", "tiny/none"],
        &["cannot be reached", "HF_HUB_OFFLINE=1"],
    );
    refused("no address", home.path(), None, &["sites", "tiny/none"], &["HF_ENDPOINT must be an address"]);
    // The token's file is read too, and a server's message that holds the token is not printed.
    fs::write(home.path().join("token"), format!("{TOKEN}\n")).unwrap();
    server.state().refuse = Some(("/resolve/", 400));
    let output = command(hub, home.path(), None).args(["sites", "tiny/llama@main"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains(TOKEN) && said.contains("fetching config.json"), "{said}");
}

#[test]
fn an_interrupted_download_is_continued() {
    const PIECE: usize = 8 << 20;
    let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
    let large: Vec<u8> = (0..2 * PIECE + 1000).map(|i| (i * 31 % 251) as u8).collect();
    server.hold("models/tiny/large", &[("config.json", b"{}".to_vec()), ("table.csv", large.clone())]);
    let to = home.path().join("pulled");
    let pull = || command(&server.address(), home.path(), None).args(["pull", "tiny/large"]).arg(&to).output().unwrap();
    server.state().cut = Some(("table.csv bytes=8388608-16777215", 1000));
    let output = pull();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    for part in
        ["tiny/large: fetching table.csv, after 8388608 of 16778216 bytes", "run the same command again to continue"]
    {
        assert!(said.contains(part), "{said}");
    }
    requests(&server);
    assert!(stdout(&pull()).contains("pulled"));
    let asked = requests(&server);
    let pieces: Vec<&String> = asked.iter().filter(|line| line.contains("table.csv bytes=")).collect();
    assert_eq!(pieces.len(), 2, "{asked:?}");
    assert!(pieces[0].ends_with("bytes=8388608-16777215"), "the first piece is not fetched again: {pieces:?}");
    assert!(fs::read(to.join("table.csv")).unwrap() == large);
    // A pull does not overwrite existing files.
    let output = pull();
    assert!(String::from_utf8_lossy(&output.stderr).contains("the folder is not empty"));
}
