//! LoReFT from prompts and completions, and several interventions in one run: from the recipe to the folder and back.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::common::{program, tiny};

/// A tiny model, and prompts with completions of one to three tokens for it.
struct Work(tempfile::TempDir);

const RECIPE: &str = "[model]\nsource = \"FOLDER\"\n\n[data]\ntrain = \"FOLDER/rows.jsonl\"\ntest = \"FOLDER/rows.jsonl\"\n\n\
    [intervention]\nkind = \"loreft\"\nrank = 8\ncomponent = \"block_output\"\nlayer = 0\nposition = \"f1+l2\"\n\n\
    [[also]]\nlayer = 1\nposition = \"last\"\nrank = 6\n\n\
    [training]\nsteps = 300\nbatch = 6\nlearning_rate = 2e-2\n\n[evaluation]\nrandom_rotations = 1\n";

impl Work {
    fn new() -> Self {
        let work = Self(tiny::model("llama"));
        let rows = ["Ann sat", "Tom ran", "Ann ran off", "Tom hid", "Ann hid", "Tom sat up"];
        let rows = rows.map(|prompt| {
            let completion = if prompt.starts_with("Ann") { "!." } else { "?" };
            json!({"prompt": prompt, "completion": completion}).to_string()
        });
        program::file(work.0.path(), "rows.jsonl", &rows.each_ref().map(String::as_str));
        work.recipe("recipe.toml", RECIPE);
        work
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn recipe(&self, name: &str, text: &str) -> PathBuf {
        let text = text.replace("FOLDER", &self.0.path().display().to_string());
        program::file(self.0.path(), name, &[&text])
    }

    fn trained(&self, out: &str, sets: &[&str]) -> PathBuf {
        let (recipe, out) = (self.path("recipe.toml"), self.path(out));
        let mut args = vec!["train", &recipe, "--quiet", "--out", &out];
        args.extend(sets.iter().flat_map(|set| ["--set", set]));
        program::printed(&args);
        out.into()
    }
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn completions_are_learned_at_several_places() {
    let work = Work::new();
    let run = work.trained("run", &[]);
    let metrics = json(&run.join("metrics.json"));
    let of = |key: &str| metrics["completions"][key].as_f64().unwrap();
    assert!(of("loss") < 0.5 * of("without"), "{}", metrics["completions"]);
    assert_eq!(metrics["iia"], 1.0, "every completion is generated whole");
    assert_eq!(metrics["controls"]["no_intervention"], 0.0);
    assert!(metrics["orthogonality_error"].as_f64().unwrap() < 1e-5);

    let [first, second] = ["config.json", "1/config.json"].map(|name| json(&run.join(name)));
    let what = |config: &Value| (config["layer"].clone(), config["rank"].clone(), config["position"].clone());
    assert_eq!(what(&first), (json!(0), json!(8), json!("f1+l2")));
    assert_eq!(what(&second), (json!(1), json!(6), json!("last")));
    let evaluated: Value =
        serde_json::from_str(&program::printed(&["evaluate", run.to_str().unwrap(), "--json"])).unwrap();
    assert_eq!(evaluated["iia"], 1.0);

    // Generation gives the completions too, with the prompt edited at both places.
    let model = work.path("");
    let said = |with: &[&str], prompt: &str| {
        let args = ["generate", "--model", &model, "--max-new-tokens", "6", "--prompt", prompt];
        program::printed(&[&args, with].concat())
    };
    let with = ["--with", run.to_str().unwrap()];
    assert!(said(&with, "Ann sat").starts_with("!."), "{}", said(&with, "Ann sat"));
    assert!(said(&with, "Tom hid").starts_with('?'), "{}", said(&with, "Tom hid"));
    assert!(!said(&[], "Ann sat").starts_with("!."));
    fs::remove_dir_all(run.join("1")).unwrap();
    assert!(!said(&with, "Ann sat").starts_with("!."), "half of the edit has the effect of the whole");
    let problem = ["holds 1 interventions", "the recipe names 2 places"];
    program::refused(&["evaluate", run.to_str().unwrap()], &problem);

    let page = run.join("report.html");
    program::printed(&["report", run.to_str().unwrap()]);
    assert!(fs::read_to_string(page).unwrap().contains("Completions said whole"));
}

#[test]
fn several_places_share_an_interchange() {
    let work = Work::new();
    let rows = ["a", "b", "c", "d"].map(|word| {
        json!({"base": format!("Ann{word}"), "source": format!("Tom{word}q"), "label": "!", "base_position": 1, "source_position": 1})
            .to_string()
    });
    program::file(work.0.path(), "pairs.jsonl", &rows.each_ref().map(String::as_str));
    let swaps = RECIPE.replace("rows.jsonl", "pairs.jsonl").replace("\"loreft\"", "\"boundless_rotated_space\"");
    work.recipe("recipe.toml", &swaps.replace("rank = 8\n", "").replace("rank = 6\n", "").replace("f1+l2", "last"));
    let run = work.trained("run", &["training.steps=6", "training.log_every=2"]);
    let metrics = json(&run.join("metrics.json"));
    // A boundary starts at half of the width, so the hard rank of one place alone is about sixteen.
    assert_eq!(json(&run.join("config.json"))["width"], 32);
    let hard = metrics["hard_rank"].as_u64().unwrap();
    assert!((28..=36).contains(&hard), "the hard ranks of both places: {hard}");
    let lines = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let line: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    for key in ["boundary", "temperature", "boundary_learning_rate", "learning_rate", "orthogonality_error"] {
        assert!(line[key].is_number(), "{key} is not in {line}");
    }
    assert!(run.join("1/intervention.safetensors").is_file());
}

#[test]
fn what_does_not_fit_is_refused() {
    let work = Work::new();
    let recipe = work.path("recipe.toml");
    let out = work.path("refused");
    let refused = |set: &str, parts: &[&str]| {
        program::refused(&["train", &recipe, "--quiet", "--out", &out, "--set", set], parts);
        let _ = fs::remove_dir_all(&out);
    };
    refused("intervention.kind=low_rank_rotated_space", &["rows.jsonl:1", "rows with base, source and label"]);
    refused("intervention.position=f4+l4", &["rows.jsonl:1", "position `f4+l4`", "has only"]);
    refused("intervention.rank=4000", &["intervention: rank: 4000 columns are more than the site is wide"]);
    refused("task.name=ioi", &["a loreft is trained on the prompts and completions"]);
    refused("data.validation=nowhere.jsonl", &["nowhere.jsonl"]);
    let mut sweep = fs::read_to_string(&recipe).unwrap();
    sweep = sweep.replace("test =", "validation = \"FOLDER/rows.jsonl\"\ntest =") + "[sweep]\nlayers = [0]\n";
    let sweep = work.recipe("sweep.toml", &sweep);
    program::refused(&["check", sweep.to_str().unwrap()], &["also: a cell of a sweep is one place"]);
    program::file(work.0.path(), "rows.jsonl", &["{\"prompt\": \"Ann\", \"completion\": \"\"}"]);
    refused("training.steps=1", &["rows.jsonl:1", "`completion` is empty"]);
    program::file(work.0.path(), "rows.jsonl", &["{\"prompt\": \"Ann\", \"completon\": \"!\"}"]);
    refused("training.steps=1", &["rows.jsonl:1", "unknown key `completon`", "did you mean `completion`?"]);
}
