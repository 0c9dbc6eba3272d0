//! A run goes to the Hub as one commit, comes back with the same bytes, and is used by its name.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use super::server::{Server, TOKEN};
use super::{command, llama, requests, stdout};
use crate::common::tiny;

/// A model and pairs on the Hub, and a run on them.
struct World {
    server: Server,
    home: tempfile::TempDir,
    run: PathBuf,
}

/// A search on pairs of the Hub, with the model's source left open.
const RECIPE: &str = r#"
[model]
source = "SOURCE"

[data]
train = "hub:tiny/pairs/train.jsonl"
test = "hub:tiny/pairs/train.jsonl"
solved = false

[intervention]
kind = "low_rank_rotated_space"
rank = 2
component = "block_output"
layer = 0
position = "last"

[training]
steps = 4
batch = 2
learning_rate = 1e-2
log_every = 2
"#;

const PAIRS: &str = r#"{"base": "Ann sat by the sea", "source": "Tom sat by the sea", "label": " Ann"}
{"base": "Tom sat by the sea", "source": "Ann sat by the sea", "label": " Ann"}
"#;

impl World {
    fn new(source: &str) -> Self {
        let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
        server.hold("models/tiny/llama", &llama());
        server.hold("datasets/tiny/pairs", &[("train.jsonl", PAIRS.as_bytes().to_vec())]);
        let recipe = home.path().join("pairs.toml");
        fs::write(&recipe, RECIPE.replace("SOURCE", source)).unwrap();
        let run = home.path().join("run");
        let world = Self { server, home, run };
        let train = ["train", recipe.to_str().unwrap(), "--quiet", "--out", world.run.to_str().unwrap()];
        stdout(&world.intervene(Some(TOKEN), &train));
        world
    }

    fn intervene(&self, token: Option<&str>, args: &[&str]) -> Output {
        let output = command(&self.server.address(), self.home.path(), token).args(args).output().unwrap();
        for said in [&output.stdout, &output.stderr] {
            assert!(!String::from_utf8_lossy(said).contains(TOKEN), "the token is printed");
        }
        output
    }

    fn push(&self, more: &[&str]) -> Output {
        self.intervene(Some(TOKEN), &[&["push", self.run.to_str().unwrap(), "me/found"], more].concat())
    }

    fn published(&self) -> BTreeMap<String, Vec<u8>> {
        self.server.state().repositories["models/me/found"].commits.last().unwrap().clone()
    }
}

/// All files under a folder, by their paths in it.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(at) = open.pop() {
        for entry in fs::read_dir(&at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

#[test]
fn a_run_goes_up_and_comes_back_with_the_same_bytes() {
    let world = World::new("tiny/llama");
    let config: Value = serde_json::from_slice(&fs::read(world.run.join("config.json")).unwrap()).unwrap();
    assert_eq!(config["model"]["source"], "tiny/llama");
    let commit = config["model"]["revision"].as_str().unwrap().to_owned();
    requests(&world.server);

    // A dry run prints everything and sends nothing.
    let printed = stdout(&world.push(&["--dry-run"]));
    for part in ["library_name: intervene", "me/found, as one commit", "intervention.safetensors", "Nothing was sent"] {
        assert!(printed.contains(part), "{part}: {printed}");
    }
    assert_eq!(requests(&world.server), [""; 0]);

    let said = stdout(&world.push(&["--private"]));
    assert!(said.contains("/me/found: ") && said.contains(" files at "), "{said}");
    let asked = requests(&world.server);
    let count = |part: &str| asked.iter().filter(|line| line.contains(part)).count();
    for part in ["/preupload/", "/objects/batch", "/v1/xorbs/", "/v1/shards", "/commit/main"] {
        assert!(count(part) >= 1, "{part}: {asked:?}");
    }
    assert_eq!(count("/commit/main"), 1, "{asked:?}");
    assert!(world.server.state().repositories["models/me/found"].private);

    let (there, mut here) = (world.published(), files(&world.run));
    for name in ["README.md", "config.json", "intervention.safetensors", "metrics.json", "recipe.toml", "curve.png"] {
        assert!(there.contains_key(name), "{name}: {:?}", there.keys());
    }
    assert!(there.keys().any(|name| name.starts_with("tensorboard/events.out.tfevents.")));
    let card = String::from_utf8(there["README.md"].clone()).unwrap();
    here.insert("README.md".to_owned(), card.clone().into_bytes());
    assert!(there == here, "{:?} went up, {:?} are here", there.keys(), here.keys());
    check_card(&card, &commit, &world.run);

    let pulled = world.home.path().join("pulled");
    stdout(&world.intervene(Some(TOKEN), &["pull", "me/found", pulled.to_str().unwrap()]));
    assert!(files(&pulled) == there, "what comes back is what went up");

    // Used by its name: the same IIA, and the same text as from the folder.
    let evaluate = |of: &str| stdout(&world.intervene(Some(TOKEN), &["evaluate", of, "--json"]));
    assert_eq!(evaluate("me/found"), evaluate(world.run.to_str().unwrap()));
    let generate = |with: &str| {
        let run = ["--prompt", "Ann sat by the sea", "--source", "Tom sat", "--at", "last", "--max-new-tokens", "5"];
        stdout(
            &world.intervene(Some(TOKEN), &[&["generate", "--model", "tiny/llama", "--with", with], &run[..]].concat()),
        )
    };
    assert_eq!(generate("me/found"), generate(world.run.to_str().unwrap()));

    for (name, bytes) in files(world.home.path()) {
        let holds = bytes.windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes());
        assert!(!holds, "the token is in {name}");
    }
}

fn check_card(card: &str, commit: &str, run: &Path) {
    let metrics: Value = serde_json::from_slice(&fs::read(run.join("metrics.json")).unwrap()).unwrap();
    let (front, body) = card.strip_prefix("---\n").unwrap().split_once("\n---\n").unwrap();
    for line in [
        "library_name: intervene",
        "base_model: \"tiny/llama\"",
        "base_model_relation: adapter",
        "- das",
        "- causal-abstraction",
        "- interpretability",
        "- low-rank-rotated-space",
        "- \"tiny/pairs\"",
        "- name: \"found\"",
        "      type: interchange-intervention",
        "    - type: iia",
        "    - type: iia_no_intervention",
        "    - type: iia_full_swap",
        "    - type: iia_random_rotation",
    ] {
        assert!(front.lines().any(|known| known == line), "`{line}` is not in\n{front}");
    }
    let iia = metrics["iia"].as_f64().unwrap();
    assert!(front.contains(&format!("value: {iia:?}")), "{iia}: {front}");
    for part in [
        &format!("https://huggingface.co/tiny/llama/tree/{commit}"),
        "`0.block_output`",
        "2 of 32 dimensions",
        "![Loss and IIA over the steps](curve.png)",
        "hub::folder(\"me/found\".as_ref(), &mut ())?",
        &format!("--model tiny/llama@{commit} --with me/found"),
        "pyvene.IntervenableModel.load(\"pyvene-folder\", model)",
        "## Limits",
    ] {
        assert!(body.contains(part), "`{part}` is not in\n{body}");
    }
    assert!(!card.contains("{{") && !card.contains("{%"), "{card}");
}

#[test]
fn a_failed_push_leaves_nothing_visible() {
    let world = World::new("tiny/llama");
    for part in ["/preupload/", "/objects/batch", "/xet-write-token/", "/v1/shards", "/commit/main"] {
        world.server.state().refuse = Some((part, 400));
        let output = world.push(&[]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{part}: {said}");
        assert!(said.contains("me/found: ") && said.contains("No file has been published"), "{part}: {said}");
        assert_eq!(world.server.state().repositories["models/me/found"].commits.len(), 0, "{part}");
    }
    // Without a refusal the same push succeeds.
    world.server.state().refuse = None;
    stdout(&world.push(&[]));
    assert_eq!(world.server.state().repositories["models/me/found"].commits.len(), 1);

    for (token, more, said) in [
        (None, &[][..], "publishing needs a token"),
        (Some("hf_wrongToken0000"), &[], "the Hub refused the token (401)"),
    ] {
        let args = [&["push", world.run.to_str().unwrap(), "me/found"], more].concat();
        let output = world.intervene(token, &args);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && error.contains(said), "{error}");
    }
    let other = world.intervene(Some(TOKEN), &["push", world.home.path().to_str().unwrap(), "me/other"]);
    assert!(String::from_utf8_lossy(&other.stderr).contains("is not a run folder"));
}

#[test]
fn a_path_of_this_machine_is_not_published() {
    let local = tiny::model("llama");
    let path = local.path().to_str().unwrap();
    let world = World::new(path);
    let holds = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(files(&world.run).values().any(|bytes| holds(bytes, path)), "the run knows the path");
    stdout(&world.push(&[]));
    for (name, bytes) in world.published() {
        assert!(!holds(&bytes, path), "{name} holds the path of the model");
    }
    let card = String::from_utf8(world.published()["README.md"].clone()).unwrap();
    assert!(!card.contains("base_model") && card.contains("that is not on the Hub"), "{card}");
    stdout(&world.push(&["--base-model", "tiny/llama"]));
    let (card, recipe) = (world.published()["README.md"].clone(), world.published()["recipe.toml"].clone());
    assert!(holds(&card, "base_model: \"tiny/llama\"\nbase_model_relation: adapter"));
    assert!(holds(&recipe, "source = \"tiny/llama\""));
    // What was published is still a run that can be evaluated, on the model of the Hub.
    let evaluate = |of: &str| stdout(&world.intervene(Some(TOKEN), &["evaluate", of, "--json"]));
    assert_eq!(evaluate("me/found"), evaluate(world.run.to_str().unwrap()));
}

#[test]
fn an_intervention_is_refused_where_it_does_not_fit() {
    let world = World::new("tiny/llama");
    let mut twin = llama();
    twin[3].1.extend(b" with another README");
    world.server.hold("models/tiny/twin", &twin);
    world.server.hold("models/tiny/llama", &twin);
    let gpt2 = tiny::model("gpt2");
    let first = format!("tiny/llama@{:040x}", 0xc0_0000);
    let generate = |model: &str| {
        let run =
            ["--with", world.run.to_str().unwrap(), "--prompt", "Ann", "--source", "Tom", "--max-new-tokens", "2"];
        world.intervene(None, &[&["generate", "--model", model], &run[..]].concat())
    };
    let refused = |output: Output, parts: &[&str]| {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        parts.iter().for_each(|part| assert!(said.contains(part), "`{part}` is not in: {said}"));
    };
    stdout(&generate(&first));
    refused(generate("tiny/twin"), &["is for the model tiny/llama, this is the model tiny/twin"]);
    let (old, new) = (format!("{:040x}", 0xc0_0000), format!("{:040x}", 0xc0_0001));
    refused(generate("tiny/llama"), &[&old, &new, &format!("name the model as tiny/llama@{old}")]);
    refused(generate(gpt2.path().to_str().unwrap()), &["a model of type llama, this is a model of type gpt2"]);
    // `evaluate` takes the commit that the run names, although `main` has changed.
    stdout(&world.intervene(None, &["evaluate", world.run.to_str().unwrap()]));

    let edit = |key: &str, from: &str, to: &str, parts: &[&str]| {
        let path = world.run.join("config.json");
        let was = fs::read_to_string(&path).unwrap();
        let line = format!("\"{key}\": {from}");
        assert!(was.contains(&line), "{was}");
        fs::write(&path, was.replacen(&line, &format!("\"{key}\": {to}"), 1)).unwrap();
        refused(world.intervene(None, &["evaluate", world.run.to_str().unwrap()]), parts);
        fs::write(&path, was).unwrap();
    };
    edit("layer", "0", "1", &["is for 1.block_output, 32 wide; the recipe names 0.block_output, 32 wide"]);
    edit("rank", "2", "3", &["[32, 2]", "[32, 3]"]);
    edit("layers", "2", "3", &["a model of 3 layers, this is a model of 2 layers"]);
    edit("component", "\"block_output\"", "\"mlp_activation\"", &["0.mlp_activation", "0.block_output"]);
}
