//! Models, data sets and interventions are used by their names on the Hugging Face Hub, and interventions are published
//! there. The Hub is simulated by a server on this machine.

mod errors;
mod names;
mod publish;
mod server;
mod store;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use self::server::Server;
use assert_cmd::cargo::cargo_bin;

use crate::common::{fixtures, tiny};

/// The files of a repository with a tiny model, unneeded ones included.
fn llama() -> Vec<(&'static str, Vec<u8>)> {
    let fixture = fixtures::fixtures().join("llama");
    vec![
        ("config.json", fs::read(fixture.join("config.json")).unwrap()),
        ("model.safetensors", fs::read(fixture.join("model.safetensors")).unwrap()),
        ("tokenizer.json", tiny::tokenizer().into_bytes()),
        ("README.md", b"# llama".to_vec()),
        ("pytorch_model.bin", vec![0; 100]),
    ]
}

/// The program, with this server as its Hub, its own home folder, and an optional token.
fn command(hub: &str, home: &Path, token: Option<&str>) -> Command {
    let mut command = Command::new(cargo_bin!("intervene"));
    for name in
        ["HF_HUB_OFFLINE", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_TOKEN", "HF_TOKEN_PATH", "XDG_CACHE_HOME"]
    {
        command.env_remove(name);
    }
    command.env("HF_ENDPOINT", hub).env("HF_HOME", home).env("HOME", home);
    // The store of the server does not support compression.
    command.env("HF_XET_XORB_COMPRESSION_POLICY", "none");
    token.map(|token| command.env("HF_TOKEN", token));
    command
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn run(server: &Server, home: &Path, args: &[&str]) -> String {
    stdout(&command(&server.address(), home, None).args(args).output().unwrap())
}

/// The requests since the last call.
fn requests(server: &Server) -> Vec<String> {
    std::mem::take(&mut server.state().requests)
}

#[test]
fn a_cached_model_is_found_by_its_name_without_the_hub() {
    let home = tempfile::tempdir().unwrap();
    let repository = home.path().join("hub/models--tiny--llama");
    let snapshot = repository.join("snapshots/0123abc");
    fs::create_dir_all(&snapshot).unwrap();
    fs::create_dir_all(repository.join("refs")).unwrap();
    fs::write(repository.join("refs/main"), "0123abc").unwrap();
    for (name, bytes) in &llama()[..2] {
        fs::write(snapshot.join(name), bytes).unwrap();
    }
    let offline = |model: &str| {
        let mut command = command("http://127.0.0.1:1", home.path(), None);
        command.env("HF_HUB_OFFLINE", "1").args(["sites", model]).output().unwrap()
    };
    for model in ["tiny/llama", "tiny/llama@main", "tiny/llama@0123abc"] {
        assert!(stdout(&offline(model)).contains("attention_value_output"));
    }
    for (model, said) in [
        ("tiny/llama@other", "tiny/llama@other: not in the Hub's cache"),
        ("tiny/gpt", "HF_HUB_OFFLINE is set: unset it to fetch"),
        ("tiny/../llama", "neither a folder nor a name on the Hub"),
    ] {
        let output = offline(model);
        assert_eq!(output.status.code(), Some(2));
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.contains(said), "{model}: {error}");
    }
    // Without the variable an unreachable Hub is a warning, and the cached files are used.
    let output = command("http://127.0.0.1:1", home.path(), None).args(["sites", "tiny/llama"]).output().unwrap();
    assert!(stdout(&output).contains("attention_value_output"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("cannot be reached") && said.contains("Using the files in the cache"), "{said}");
}

#[test]
fn only_the_needed_files_of_a_model_are_fetched_and_only_once() {
    let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
    server.hold("models/tiny/llama", &llama());
    let sites = |model: &str| run(&server, home.path(), &["sites", model]);
    assert!(sites("tiny/llama").contains("attention_value_output"));
    let asked = requests(&server);
    let got = |file: &str| asked.iter().filter(|line| line.starts_with("GET") && line.contains(file)).count();
    for file in ["config.json", "model.safetensors", "tokenizer.json"] {
        assert_eq!(got(&format!("/{file}")), 1, "{file}: {asked:?}");
    }
    assert_eq!((got("README.md"), got("pytorch_model.bin")), (0, 0), "{asked:?}");
    // One request asks whether `main` has changed, and nothing is fetched, files known to be missing included.
    sites("tiny/llama");
    let asked = requests(&server);
    assert!(asked.iter().all(|line| line.starts_with("HEAD") && line.ends_with("config.json")), "{asked:?}");
    // A commit does not change, so there is no request.
    let commit = home.path().join("hub/models--tiny--llama/refs/main");
    let commit = fs::read_to_string(commit).unwrap();
    sites(&format!("tiny/llama@{commit}"));
    assert_eq!(requests(&server), [""; 0]);
    // A new commit on the branch changes the tokenizer alone.
    let mut files = llama();
    files[2].1.extend(b"\n");
    server.hold("models/tiny/llama", &files);
    sites("tiny/llama");
    let asked = requests(&server);
    let got: Vec<&String> = asked.iter().filter(|line| line.starts_with("GET")).collect();
    assert!(got.len() == 1 && got[0].contains("tokenizer.json"), "{asked:?}");
}

#[test]
fn sharded_weights_and_files_of_data_sets_are_fetched() {
    let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
    let files = llama();
    let bytes = files[1].1.clone();
    let whole = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let (mut shards, mut map) = ([Vec::new(), Vec::new()], serde_json::Map::new());
    for (number, (name, view)) in whole.iter().enumerate() {
        shards[number % 2].push((name, view));
        map.insert(name.to_owned(), format!("model-{}.safetensors", number % 2).into());
    }
    let [a, b] = shards.map(|shard| safetensors::serialize(shard, None).unwrap());
    let index = serde_json::json!({"weight_map": map}).to_string().into_bytes();
    server.hold(
        "models/tiny/sharded",
        &[
            files[0].clone(),
            files[2].clone(),
            ("model.safetensors.index.json", index),
            ("model-0.safetensors", a),
            ("model-1.safetensors", b),
        ],
    );
    server.hold("datasets/tiny/texts", &[("data/some.jsonl", b"{\"base\": \"Ann sat\"}\n".to_vec())]);
    let out = home.path().join("out.safetensors");
    let collect = |inputs: &str| {
        let args = ["collect", "--model", "tiny/sharded", "--sites", "0.block_output", "--inputs", inputs, "--out"];
        command(&server.address(), home.path(), None).args(args).arg(&out).output().unwrap()
    };
    assert!(stdout(&collect("hub:tiny/texts/data/some.jsonl")).contains("rows of 1 inputs"));
    let asked = requests(&server);
    assert!(asked.iter().any(|line| line.starts_with("GET /datasets/tiny/texts/resolve/")), "{asked:?}");
    for (inputs, said) in [
        ("hub:tiny/texts/none.jsonl", "tiny/texts: the data set has no file none.jsonl"),
        ("hub:tiny/nothing/some.jsonl", "tiny/nothing: fetching some.jsonl: there is no folder and no data set"),
        ("hub:tiny", "hub:ORG/NAME/PATH"),
    ] {
        let output = collect(inputs);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && error.contains(said), "{inputs}: {error}");
    }
}
