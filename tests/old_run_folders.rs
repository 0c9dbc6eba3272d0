//! Run folders in `tests/fixtures/runs`, one for each kind of run, written by version 0.1.0 before recipes were typed: they
//! are read as they are. The pictures and the event files were removed; the tiny model is that of `tests/common/tiny.rs`.

use std::fs;
use std::path::{Path, PathBuf};

use intervene::interventions::Kind;
use intervene::orthogonal::{Map, Parametrisation};
use intervene::recipe::Recipe;
use intervene::saved::RunConfig;
use intervene::tap::Component;
use serde_json::Value;

use crate::common::program::{printed, refused};
use crate::common::tiny;

fn fixture(name: &str) -> PathBuf {
    Path::new("tests/fixtures/runs").join(name)
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn recipes_are_read_and_written_back_as_the_same_text() {
    for name in ["mlp", "language", "sweep", "sweep/best"] {
        let path = fixture(name).join("recipe.toml");
        let recipe = Recipe::load(&path, &[]).unwrap();
        assert_eq!(toml::to_string(&recipe).unwrap(), fs::read_to_string(&path).unwrap(), "{name}");
    }
    let mlp = Recipe::load(&fixture("mlp/recipe.toml"), &[]).unwrap();
    assert_eq!(mlp.intervention.orthogonal.map(), Some(Map::Cayley));
    let language = Recipe::load(&fixture("language/recipe.toml"), &[]).unwrap();
    assert_eq!(language.intervention.kind, Kind::BoundlessRotatedSpace);
    assert_eq!(language.also[0].component, Some(Component::BlockOutput));
    assert_eq!(language.cache.memory.unwrap().bytes(), 500_000_000);
}

#[test]
fn configs_are_read_and_written_back_as_the_same_json() {
    for name in ["mlp", "mlp/contrast", "language", "language/1", "sweep/best"] {
        let config = RunConfig::read(&fixture(name)).unwrap();
        assert_eq!(serde_json::to_value(&config).unwrap(), json(&fixture(name).join("config.json")), "{name}");
    }
    let config = RunConfig::read(&fixture("mlp")).unwrap();
    assert_eq!((config.kind, config.orthogonal), (Kind::RotatedSpace, Parametrisation::Cayley));
}

#[test]
fn evaluations_reproduce_the_recorded_iia() {
    let model = tiny::model("gpt2");
    let runs: [(&str, &[&str]); 3] = [
        ("mlp", &[]),
        ("language", &["--model", model.path().to_str().unwrap()]),
        ("sweep/best", &["--model", model.path().to_str().unwrap()]),
    ];
    for (name, more) in runs {
        let folder = fixture(name);
        let args = [&["evaluate", "--json", "--device", "cpu", folder.to_str().unwrap()], more].concat();
        let (again, metrics): (Value, _) =
            (serde_json::from_str(&printed(&args)).unwrap(), json(&folder.join("metrics.json")));
        for key in ["iia", "iia_interval", "iia_by_variable"] {
            assert_eq!(again[key], metrics[key], "{name}: {key}");
        }
        assert_eq!(again["contrast"]["iia"], metrics["contrast"]["iia"], "{name}");
    }
}

#[test]
fn reports_are_written_for_both_kinds_of_model_and_for_sweeps() {
    let folder = tempfile::tempdir().unwrap();
    for (name, question) in [
        ("mlp", "Does the model keep WX and YZ in the output of block 0, each in directions of its own?"),
        ("language", "at the first 1 and the last 2 tokens of the prompt"),
        ("sweep", "Where does the model keep what decides the label: in which layer, at which position"),
    ] {
        let page = folder.path().join(format!("{name}.html"));
        printed(&["report", fixture(name).to_str().unwrap(), "--out", page.to_str().unwrap()]);
        let text = fs::read_to_string(page).unwrap();
        assert!(text.contains(question), "{name}: {question}");
        assert!(!text.contains("the network says"), "{name}");
    }
}

#[test]
fn a_wrong_name_in_any_typed_key_is_refused_with_its_line_or_override() {
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(fixture("language/recipe.toml")).unwrap();
    let cases = [
        ("device = \"auto\"", "device = \"cdua\"", "unknown device `cdua`; did you mean `cuda`?"),
        ("dtype = \"keep\"", "dtype = \"bf61\"", "unknown dtype `bf61`; did you mean `bf16`?"),
        (
            "kind = \"boundless_rotated_space\"",
            "kind = \"boundless_rotatd_space\"",
            "unknown intervention `boundless_rotatd_space`; did you mean `boundless_rotated_space`?",
        ),
        (
            "orthogonal = \"manifold\"",
            "orthogonal = \"manifol\"",
            "unknown orthogonal map `manifol`; did you mean `manifold`?",
        ),
        ("level = \"host\"", "level = \"hots\"", "unknown level of the cache `hots`; did you mean `host`?"),
        ("memory = \"0.5 GB\"", "memory = \"0.5\"", "invalid size `0.5`"),
        (
            "layer = 1",
            "layer = 1\ncomponent = \"mlp_ouput\"",
            "unknown component `mlp_ouput`; did you mean `mlp_output`?",
        ),
    ];
    for (from, to, problem) in cases {
        let wrong = match from {
            "layer = 1" => text.replacen("component = \"block_output\"\n", "", 1).replacen(from, to, 1),
            _ => text.replacen(from, to, 1),
        };
        let key = to.lines().last().unwrap();
        let line = 1 + wrong.lines().position(|line| line == key).unwrap();
        let path = folder.path().join("wrong.toml");
        fs::write(&path, wrong).unwrap();
        refused(&["check", path.to_str().unwrap()], &[&format!("wrong.toml:{line}: {problem}")]);
    }
    let path = fixture("language/recipe.toml");
    for set in ["intervention.component=block_ouput", "model.dtype=f8", "cache.level=disc", "device=gpu"] {
        let (key, name) = set.split_once('=').unwrap();
        let problem = [format!("--set {key}=\"{name}\": unknown "), format!("`{name}`")];
        refused(&["check", path.to_str().unwrap(), "--set", set], &problem.each_ref().map(String::as_str));
    }
}
