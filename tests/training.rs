//! The options of `[training]` for a search on a language model, from the recipe to the run folder: early stopping, a
//! choice of answers, pairs that must not change.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor};
use intervene::models::{Context, Dtype, LanguageModel, Pretrained};
use serde_json::{Value, json};

use crate::common::{program, pyvene_environment, tiny};

/// A tiny model, pairs of prompts for it, and a recipe.
struct Work(tempfile::TempDir);

impl Work {
    /// In every third pair the label is the stated answer of the base.
    fn new() -> Self {
        let work = Self(tiny::model("gpt2"));
        for (name, count, from) in [("train", 24, 0), ("validation", 12, 5), ("test", 12, 9)] {
            let word = |at: usize| char::from(b'a' + u8::try_from((at * 7 + from) % 26).unwrap());
            let mut lines = String::new();
            for at in 0..count {
                let [label, other] = [".", "!", "?", ","].repeat(2)[at % 4..at % 4 + 2] else { unreachable!() };
                let row = json!({
                    "base": format!("Ann{}x", word(at)), "source": format!("Tom{}x", word(at + 3)), "label": label,
                    "base_answer": if at % 3 == 0 { label } else { other },
                });
                writeln!(lines, "{row}").unwrap();
            }
            fs::write(work.0.path().join(format!("{name}.jsonl")), lines).unwrap();
        }
        let folder = work.0.path().display();
        let text = format!(
            "[model]\nsource = \"{folder}\"\n\n\
             [data]\ntrain = \"{folder}/train.jsonl\"\ntest = \"{folder}/test.jsonl\"\nsolved = false\n\n\
             [intervention]\nkind = \"low_rank_rotated_space\"\nrank = 2\ncomponent = \"block_output\"\nlayer = 0\n\
             position = \"last\"\n\n[training]\nsteps = 12\nbatch = 8\nlog_every = 5\n"
        );
        fs::write(work.0.path().join("recipe.toml"), text).unwrap();
        work
    }

    fn args(&self, out: &str, set: &[&str]) -> (Vec<String>, PathBuf) {
        let out = self.0.path().join(out);
        let recipe = self.0.path().join("recipe.toml");
        let mut args = vec!["train".to_owned(), recipe.display().to_string(), "--quiet".to_owned()];
        args.extend(["--out".to_owned(), out.display().to_string()]);
        args.extend(set.iter().flat_map(|set| ["--set".to_owned(), (*set).to_owned()]));
        (args, out)
    }

    /// The run folder of a recipe with some keys set.
    fn trained(&self, out: &str, set: &[&str]) -> PathBuf {
        let (args, out) = self.args(out, set);
        program::printed(&args.iter().map(String::as_str).collect::<Vec<_>>());
        out
    }

    fn refused(&self, set: &[&str], parts: &[&str]) {
        let (args, out) = self.args("refused", set);
        program::refused(&args.iter().map(String::as_str).collect::<Vec<_>>(), parts);
        let _ = fs::remove_dir_all(out);
    }

    fn validation(&self) -> String {
        format!("data.validation={}", self.0.path().join("validation.jsonl").display())
    }
}

fn metrics(run: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(run.join("metrics.json")).unwrap()).unwrap()
}

/// The steps of a phase in the log, with a value of each.
fn logged(run: &Path, phase: &str, key: &str) -> Vec<(u64, f64)> {
    let lines = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let of = lines.filter(|line| line["phase"] == phase);
    of.map(|line| (line["step"].as_u64().unwrap(), line[key].as_f64().unwrap())).collect()
}

#[test]
fn a_validation_split_is_logged_and_stops_a_search() {
    let work = Work::new();
    let validation = work.validation();
    let plain = work.trained("plain", &[&validation, "training.evaluate_every=4"]);
    let of = logged(&plain, "validation", "iia");
    assert_eq!(of.iter().map(|(step, _)| *step).collect::<Vec<_>>(), [4, 8, 12]);
    assert_eq!(logged(&plain, "validation", "loss").len(), 3);
    assert_eq!(logged(&plain, "search", "loss").iter().map(|(step, _)| *step).collect::<Vec<_>>(), [4, 5, 8, 10, 12]);
    let of_plain = metrics(&plain);
    assert_eq!(
        [&of_plain["steps"], &of_plain["kept_at"], &of_plain["stopped_early"]],
        [&json!(12), &json!(12), &json!(false)]
    );
    assert_eq!(of_plain["iia_validation"].as_f64(), of.last().map(|(_, iia)| *iia));

    // At this high a rate the search soon stops improving.
    let rate = "training.learning_rate=0.9";
    let patient = work.trained(
        "patient",
        &[&validation, "training.evaluate_every=1", "training.patience=2", "training.steps=60", rate],
    );
    let (of_patient, seen) = (metrics(&patient), logged(&patient, "validation", "iia"));
    let (steps, kept) = (of_patient["steps"].as_u64().unwrap(), of_patient["kept_at"].as_u64().unwrap());
    assert_eq!((of_patient["stopped_early"].clone(), steps - kept), (json!(true), 2), "{of_patient}");
    assert!(steps < 60 && seen.len() == steps as usize);
    let best = seen.iter().map(|(_, iia)| *iia).fold(0.0, f64::max);
    assert_eq!((of_patient["iia_validation"].as_f64(), seen[kept as usize - 1].1), (Some(best), best));

    // Without a validation split there is no such metric, and patience is refused.
    assert!(metrics(&work.trained("none", &[])).get("iia_validation").is_none());
    work.refused(&["training.evaluate_every=2", "training.patience=2"], &["training.patience", "no validation pairs"]);
    work.refused(&[&validation, "training.patience=2"], &["training.patience", "evaluate_every"]);
    work.refused(&["data.validation=no/such.jsonl"], &["no/such.jsonl"]);
}

#[test]
fn pandas_reads_the_log_in_one_line() {
    let Some(python) = pyvene_environment::python() else { return };
    let work = Work::new();
    let run = work.trained("run", &[&work.validation(), "training.evaluate_every=4"]);
    let script = "import pandas, sys; log = pandas.read_json(sys.argv[1], lines=True); \
                  print(len(log), int(log.step.max()), sorted(log.phase.unique()), log.loss.notna().all())";
    let output =
        std::process::Command::new(python).args(["-c", script]).arg(run.join("metrics.jsonl")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(said.trim(), "8 12 ['search', 'validation'] True", "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn answers_are_recorded_and_read_again() {
    let work = Work::new();
    assert!(metrics(&work.trained("all", &[])).get("answers").is_none());
    let task = work.trained("task", &["training.answers=task"]);
    assert_eq!(metrics(&task)["answers"], json!([".", ",", "!", "?"]));
    let listed = work.trained("listed", &["training.answers=[\"!\", \".\", \",\", \"?\", \"a\"]"]);
    assert_eq!(metrics(&listed)["answers"], json!(["!", ".", ",", "?", "a"]));
    // Chance is a fourth among four answers, and almost nothing among all tokens.
    let first = |run: &Path| logged(run, "search", "loss")[0].1;
    assert!(first(&task) < first(&listed) && first(&listed) < first(&work.trained("again", &[])), "fewer are easier");
    let again: Value =
        serde_json::from_str(&program::printed(&["evaluate", task.to_str().unwrap(), "--json"])).unwrap();
    assert_eq!(again["iia"], metrics(&task)["iia"]);
    work.refused(&["training.answers=[\".\", \"!\"]"], &["its label, token 58, is not among the answers"]);
    work.refused(&["training.answers=[\".\", \"xyz\"]"], &["`xyz` is 3 tokens"]);
    work.refused(&["training.answers=tasks"], &["unknown answers `tasks`; did you mean `task`?"]);
    work.refused(&["training.answers=[\".\"]"], &["a list of at least two answers"]);
}

#[test]
fn pairs_that_must_not_change_are_weighted_and_scored_separately() {
    let work = Work::new();
    assert!(metrics(&work.trained("plain", &[])).get("disentangled").is_none());
    let run = metrics(&work.trained("both", &["training.isolation=0.5", "training.answers=task"]));
    let of = &run["disentangled"];
    let number = |key: &str| of[key].as_f64().unwrap_or_else(|| panic!("{key}: {run}"));
    assert!((number("score") - f64::midpoint(number("cause"), number("isolate"))).abs() < 1e-12);
    assert_eq!(
        (&of["cause_by_variable"]["label"], &of["isolate_by_variable"]["label"]),
        (&of["cause"], &of["isolate"])
    );
    // Four of the twelve test pairs keep their answer.
    let iia = run["iia"].as_f64().unwrap();
    assert!((12.0 * iia - 8.0 * number("cause") - 4.0 * number("isolate")).abs() < 1e-9, "{run}");
    let [light, heavy] = ["0.01", "100.0"].map(|weight| {
        let set = format!("training.isolation={weight}");
        logged(&work.trained(weight, &[&set]), "search", "loss")[0].1
    });
    assert!((light - heavy).abs() > 1e-2, "{light} and {heavy}: the weight weighs");
    // A file whose pairs all change has nothing to isolate.
    let train = work.0.path().join("train.jsonl");
    let changing = fs::read_to_string(&train).unwrap();
    let changing: Vec<&str> = changing.lines().enumerate().filter(|(at, _)| at % 3 > 0).map(|(_, line)| line).collect();
    fs::write(&train, changing.join("\n")).unwrap();
    work.refused(&["training.isolation=1.0"], &["training.isolation", "base_answer"]);
}

#[test]
fn an_untrained_language_model_is_a_control() {
    let work = Work::new();
    let run = work.trained("control", &["evaluation.untrained_model=true"]);
    let (with, without) = (metrics(&run), metrics(&work.trained("plain", &[])));
    let control = with["controls"]["untrained_model"].as_f64().unwrap();
    let interval: [f64; 2] = serde_json::from_value(with["controls_interval"]["untrained_model"].clone())
        .unwrap_or_else(|_| panic!("{with}"));
    assert!(interval[0] <= control && control <= interval[1] && interval[0] < interval[1], "{with}");
    assert!(without["controls"].get("untrained_model").is_none(), "{without}");
    // The control changes nothing else.
    assert_eq!((&with["iia"], &with["controls"]["full_swap"]), (&without["iia"], &without["controls"]["full_swap"]));

    // The model of the control has other weights.
    let device = Device::flex();
    let trained = Pretrained::load(work.0.path(), Dtype::F32, &device).unwrap();
    let untrained = Pretrained::untrained(work.0.path(), 0, Dtype::F32, &device).unwrap();
    let [trained, untrained] = [trained, untrained].map(|model| {
        let tokens = Tensor::from_data([[5, 9, 2, 7]], &device);
        let embedded = model.embed(tokens, &Context::full(1, 4));
        embedded.into_data().iter::<f32>().collect::<Vec<f32>>()
    });
    let difference = trained.iter().zip(&untrained).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(difference > 1e-3, "the embeddings differ by {difference}");
}
