//! Folders are exchanged with pyvene itself: those that it saved give its logits here, and those that are written here give
//! the same logits there. No code in a pickle is run.
//!
//! scripts/pyvene_env.sh makes the environment that scripts/pyvene_files.py needs.

mod hostile;
mod refused;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::common::fixtures::fixtures;
use crate::common::numbers::Numbers;
use crate::common::program::printed;
use crate::common::pyvene_environment;
use crate::common::tensors::distance;

/// The tolerance of logits.
const TOLERANCE: f32 = 1e-4;

/// Runs scripts/pyvene_files.py.
fn peer(python: &Path, args: &[&str]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/pyvene_files.py");
    let output = Command::new(python).arg(script).args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A case of scripts/pyvene_files.py as lines of `apply`.
fn lines(job: &Value) -> String {
    let sources = |example: usize| -> Vec<&Value> {
        job["sources"].as_array().unwrap().iter().filter(|source| !source.is_null()).map(|of| &of[example]).collect()
    };
    let examples = job["base"].as_array().unwrap().iter().enumerate().map(|(example, base)| {
        let mut line = json!({
            "base": base, "sources": sources(example),
            "positions": job["positions"], "source_positions": job["source_positions"],
        });
        if !job["subspaces"].is_null() {
            line["subspaces"] = job["subspaces"].clone();
        }
        line.to_string()
    });
    examples.collect::<Vec<_>>().join("\n")
}

/// What `apply` computes with the interventions of a folder.
fn applied(model: &Path, interventions: &Path, job: &Value, work: &Path) -> Numbers {
    let (inputs, out) = (work.join("inputs.jsonl"), work.join("applied.safetensors"));
    fs::write(&inputs, lines(job)).unwrap();
    let run = ["apply", text(interventions), "--model", text(model), "--logits", "all", "--quiet"];
    printed(&[&run[..], &["--inputs", text(&inputs), "--out", text(&out)]].concat());
    Numbers::open(&out)
}

fn off(found: &Numbers, expected: &Numbers, name: &str) -> f32 {
    let expected = expected.floats::<3>(name);
    let [batch, length, classes] = expected.dims();
    distance(&found.floats::<2>("logits"), &expected.reshape([batch * length, classes]))
}

/// Adds the heads to an imported folder: those of pyvene do not name them.
fn name_heads(folder: &Path, job: &Value) {
    if !job["heads"].is_null() {
        let path = folder.join("interventions.toml");
        let spec = fs::read_to_string(&path).unwrap();
        fs::write(&path, spec.replace("\nkind", &format!("\nheads = {}\nkind", job["heads"]))).unwrap();
    }
}

#[test]
fn folders_go_both_ways_with_the_same_logits() {
    let Some(python) = pyvene_environment::python() else { return };
    for family in ["llama", "gpt2"] {
        let work = tempfile::tempdir().unwrap();
        let model = fixtures().join(family);
        peer(&python, &["save", text(&model), text(work.path())]);
        let cases = fs::read(work.path().join("cases.json")).unwrap();
        let cases: BTreeMap<String, Value> = serde_json::from_slice(&cases).unwrap();
        let saved = Numbers::open(&work.path().join("logits.safetensors"));
        assert_eq!(cases.len(), 13);
        let mut jobs = serde_json::Map::new();
        let mut ours = BTreeMap::new();
        for (name, job) in &cases {
            let place = |what: &str| work.path().join(format!("{name}.{what}"));
            // With and without --model, which supplies widths and is recorded.
            let (with, without) = (place("with"), place("without"));
            let from = work.path().join(name);
            printed(&["import", text(&from), "--out", text(&without)]);
            printed(&["import", text(&from), "--out", text(&with), "--model", text(&model)]);
            for folder in [&with, &without] {
                name_heads(folder, job);
                let found = applied(&model, folder, job, work.path());
                let off = off(&found, &saved, name);
                println!("{family}: {name} is off by {off:.1e}");
                assert!(off < TOLERANCE, "{family}: {name}, imported, is off by {off}");
                ours.insert(name.clone(), found);
            }
            let exported = place("exported");
            let export =
                ["export", text(&with), "--format", "pyvene", "--out", text(&exported), "--model", text(&model)];
            let told = printed(&export);
            assert!(told.contains("pyvene.IntervenableModel.load("), "{told}");
            let mut job = job.clone();
            job["folder"] = text(&exported).into();
            jobs.insert(name.clone(), job);
        }
        if family == "llama" {
            jobs.insert("submission".to_owned(), submission(&cases["rotated"], work.path()));
        }
        older_names(&work.path().join("several"), &model, &cases["several"], work.path(), &saved);

        let (list, out) = (work.path().join("jobs.json"), work.path().join("loaded.safetensors"));
        fs::write(&list, Value::Object(jobs).to_string()).unwrap();
        peer(&python, &["load", text(&model), text(&list), text(&out)]);
        let (loaded, mib) = (Numbers::open(&out), "submission".to_owned());
        for (name, ours) in ours.iter().chain((family == "llama").then(|| (&mib, &ours["rotated"]))) {
            let off = off(ours, &loaded, name);
            println!("{family}: {name} in pyvene is off by {off:.1e}");
            assert!(off < TOLERANCE, "{family}: {name}, exported, is off by {off}");
        }
    }
}

/// The same folder under the dotted names of pyvene's older releases, with and without their list.
fn older_names(folder: &Path, model: &Path, job: &Value, work: &Path, saved: &Numbers) {
    for (number, listed) in [(0, true), (1, false)] {
        let older = work.join(format!("older{number}"));
        fs::create_dir(&older).unwrap();
        let mut config: Value = serde_json::from_slice(&fs::read(folder.join("config.json")).unwrap()).unwrap();
        let dotted = |key: &str| {
            let words = key.replacen("layer_", "layer.", 1).replacen("_comp_", ".comp.", 1);
            words.replacen("_unit_", ".unit.", 1).replacen("_nunit_", ".nunit.", 1)
        };
        let keys: Vec<String> =
            config["sorted_keys"].as_array().unwrap().iter().map(|key| key.as_str().unwrap().to_owned()).collect();
        for key in &keys {
            let from = folder.join(format!("intkey_{key}.bin"));
            if from.is_file() {
                fs::copy(from, older.join(format!("intkey_{}.bin", dotted(key)))).unwrap();
            }
        }
        let names: Vec<String> = keys.iter().map(|key| dotted(key)).collect();
        config["sorted_keys"] = if listed { json!(names) } else { Value::Null };
        fs::write(older.join("config.json"), config.to_string()).unwrap();
        let imported = work.join(format!("older{number}.imported"));
        printed(&["import", text(&older), "--out", text(&imported)]);
        let off = off(&applied(model, &imported, job, work), saved, "several");
        assert!(off < TOLERANCE, "under older names: off by {off}");
    }
}

/// An imported rotation of layer 0's output as a submission to MIB, where it is what enters layer 1.
fn submission(job: &Value, work: &Path) -> Value {
    let (from, out) = (work.join("rotated.with"), work.join("mib"));
    let named = ["--task", "4_answer_MCQA", "--variable", "answer", "--token", "last_token"];
    printed(&[&["export", text(&from), "--format", "mib", "--out", text(&out)], &named[..]].concat());
    let folder = out.join("4_answer_MCQA_LlamaForCausalLM_answer");
    let entries = fs::read_dir(&folder).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let unit = "ResidualStream(Layer-1,Token-last_token)";
    assert_eq!(names, ["featurizer", "indices", "inverse_featurizer"].map(|end| format!("{unit}_{end}")));
    let mut job = job.clone();
    job["submission"] = text(&folder).into();
    job["token"] = "last_token".into();
    job
}

/// A run's intervention goes to pyvene, and what comes back from there is the same rotation.
#[test]
fn a_run_goes_to_pyvenes_folder_and_back() {
    let work = tempfile::tempdir().unwrap();
    let recipe = "hierarchical_equality_das_given";
    let weights = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/equality_mlp.safetensors");
    let (run, folder, back) = (work.path().join("run"), work.path().join("pyvene"), work.path().join("back"));
    let weights = format!("model.weights={}", weights.display());
    let short = ["--set", "training.steps=20", "--set", "evaluation.pairs=100", "--set", &weights];
    printed(&[&["train", recipe, "--quiet", "--out", text(&run)], &short[..]].concat());
    printed(&["export", text(&run), "--format", "pyvene", "--out", text(&folder)]);
    printed(&["import", text(&folder), "--out", text(&back)]);
    let tensors = |path: PathBuf| Numbers::open(&path).floats::<2>("rotate_layer.weight");
    let off =
        distance(&tensors(run.join("intervention.safetensors")), &tensors(back.join("0/intervention.safetensors")));
    assert!(off < 1e-6, "R is off by {off}");
    let spec = fs::read_to_string(back.join("interventions.toml")).unwrap();
    assert!(spec.contains("partition = [[0, 8], [8, 16]]"), "{spec}");
}
