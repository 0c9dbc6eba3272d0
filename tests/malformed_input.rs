//! Malformed recipes and run folders: a clear error each, exit status 2, no panic.

use std::fs;
use std::path::{Path, PathBuf};

use crate::common::program::{refused, run};

const RECIPE: &str = r#"
[task]
name = "hierarchical_equality"

[model]
width = 8
training = { steps = 20, batch = 64 }

[intervention]
component = "block_output"
layer = 0
partition = { WX = [0, 4], YZ = [4, 8] }

[training]
steps = 20
batch = 64
log_every = 10

[evaluation]
pairs = 100
random_rotations = 1
"#;

fn recipe(folder: &Path, change: (&str, &str)) -> PathBuf {
    assert!(RECIPE.contains(change.0), "{} is not in the recipe", change.0);
    let path = folder.join("bad.toml");
    fs::write(&path, RECIPE.replace(change.0, change.1)).unwrap();
    path
}

#[test]
fn malformed_recipes() {
    let folder = tempfile::tempdir().unwrap();
    let component = "component = \"block_output\"";
    let cases: [(&str, &str, &[&str]); 17] = [
        ("steps = 20\n", "stepz = 20\n", &["bad.toml:15:", "unknown key `stepz`", "did you mean `steps`?"]),
        ("[evaluation]", "[evalution]", &["bad.toml:19:", "unknown key `evalution`", "did you mean `evaluation`?"]),
        (
            "\"hierarchical_equality\"",
            "\"hierarchical_eqality\"",
            &["bad.toml:3:", "did you mean `hierarchical_equality`?"],
        ),
        ("width = 8", "width = \"8\"", &["bad.toml:6:", "invalid type: string \"8\""]),
        ("width = 8", "width = 0", &["bad.toml:6:", "model.width", "at least 1"]),
        ("width = 8", "width = -8", &["bad.toml:6:", "-8"]),
        ("width = 8", "width = 8\nweights = \"no/such/file\"", &["bad.toml:7:", "no/such/file"]),
        (component, "component = \"block_ouput\"", &["bad.toml:10:", "did you mean `block_output`?"]),
        (component, "component = \"query_output\"", &["bad.toml:10:", "it has block_output"]),
        (component, "kind = \"rotated\"\ncomponent = \"block_output\"", &["bad.toml:10:", "rotated_space"]),
        ("layer = 0", "layer = 3", &["bad.toml:11:", "layer 3 does not exist: the model has 3 layers"]),
        ("layer = 0", "layer = 0\northogonal = \"matrix_exq\"", &["bad.toml:12:", "did you mean `matrix_exp`?"]),
        ("WX = [0, 4]", "WX = [0, 5]", &["bad.toml:12:", "overlap"]),
        ("YZ = [4, 8]", "YZ = [4, 9]", &["bad.toml:12:", "4..9", "8 columns"]),
        ("WX = [0, 4]", "XW = [0, 4]", &["bad.toml:12:", "unknown variable `XW`", "WX"]),
        ("batch = 64\nlog", "batch = 64\nlearning_rate = -1\nlog", &["bad.toml:17:", "-1 is no learning rate"]),
        ("[task]\n", "[task\n", &["bad.toml:2:"]),
    ];
    for (from, to, parts) in cases {
        let path = recipe(folder.path(), (from, to));
        refused(&["check", path.to_str().unwrap()], parts);
        refused(&["train", path.to_str().unwrap(), "--out", folder.path().join("out").to_str().unwrap()], parts);
    }
    assert!(!folder.path().join("out").exists(), "a refused recipe leaves no folder");
}

#[test]
fn malformed_arguments() {
    let folder = tempfile::tempdir().unwrap();
    let path = recipe(folder.path(), ("width = 8", "width = 8"));
    let path = path.to_str().unwrap();
    assert!(run(&["check", path]).status.success());
    refused(&["train", "no/such.toml"], &["no/such.toml", "there is no such file"]);
    refused(&["check", "hierarchical_equality_das_mpl"], &["did you mean `hierarchical_equality_das_mlp`?"]);
    refused(&["check", path, "--set", "training.stepz=3"], &["--set training.stepz=3", "did you mean `steps`?"]);
    refused(&["check", path, "--set", "training.steps=many"], &["--set training.steps=", "invalid type"]);
    refused(&["check", path, "--set", "task.name.x=1"], &["--set task.name.x", "is a value, not a table"]);
    refused(&["check", path, "--set", "layers"], &["key=value"]);
    refused(&["train", path, "--device", "gpu9"], &["unknown device `gpu9`"]);
    refused(&["train", path, "--out", folder.path().to_str().unwrap()], &["the folder is not empty"]);
    fs::write(folder.path().join("latin.toml"), b"name = \"\xe9\"").unwrap();
    refused(&["check", folder.path().join("latin.toml").to_str().unwrap()], &["latin.toml", "not a text file"]);
    fs::write(folder.path().join("weights"), "no tensors").unwrap();
    let weights = format!("model.weights={}", folder.path().join("weights").display());
    let out = folder.path().join("o");
    let train = ["train", path, "--set", &weights, "--out", out.to_str().unwrap()];
    refused(&train, &["not a whole safetensors file"]);
}

#[test]
fn a_diverging_training_is_an_error_and_leaves_no_metrics() {
    let folder = tempfile::tempdir().unwrap();
    let change = ("training = { steps = 20", "training = { weight_decay = 1e30, steps = 200");
    let path = recipe(folder.path(), change);
    let out = folder.path().join("out");
    let train = ["train", path.to_str().unwrap(), "--quiet", "--out", out.to_str().unwrap()];
    refused(&train, &["no longer finite", "learning_rate"]);
    assert!(!out.join("metrics.json").exists());
}

#[test]
fn malformed_run_folders() {
    let folder = tempfile::tempdir().unwrap();
    let path = recipe(folder.path(), ("width = 8", "width = 8"));
    let whole = folder.path().join("whole");
    let output = run(&["train", path.to_str().unwrap(), "--quiet", "--out", whole.to_str().unwrap()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let broken = folder.path().join("broken");
    let with = |change: &dyn Fn(&Path), parts: &[&str]| {
        let _ = fs::remove_dir_all(&broken);
        fs::create_dir(&broken).unwrap();
        for name in ["recipe.toml", "config.json", "metrics.json", "model.safetensors", "intervention.safetensors"] {
            fs::copy(whole.join(name), broken.join(name)).unwrap();
        }
        change(&broken);
        refused(&["evaluate", broken.to_str().unwrap()], parts);
    };
    let replace = |name: &'static str, from: &'static str, to: &'static str| {
        move |folder: &Path| {
            let text = fs::read_to_string(folder.join(name)).unwrap();
            assert!(text.contains(from), "{from} is not in {name}");
            fs::write(folder.join(name), text.replacen(from, to, 1)).unwrap();
        }
    };
    let cut = |name: &'static str| {
        move |folder: &Path| {
            let bytes = fs::read(folder.join(name)).unwrap();
            fs::write(folder.join(name), &bytes[..bytes.len() / 2]).unwrap();
        }
    };
    let last = |value: f32| {
        move |folder: &Path| {
            let path = folder.join("intervention.safetensors");
            let mut bytes = fs::read(&path).unwrap();
            let at = bytes.len() - 4;
            bytes[at..].copy_from_slice(&value.to_le_bytes());
            fs::write(&path, bytes).unwrap();
        }
    };
    let remove = |name: &'static str| move |folder: &Path| fs::remove_file(folder.join(name)).unwrap();
    with(&remove("metrics.json"), &["no metrics.json"]);
    with(&remove("config.json"), &["config.json: cannot read"]);
    with(&remove("recipe.toml"), &["recipe.toml: cannot read"]);
    with(&remove("model.safetensors"), &["model.safetensors: cannot read"]);
    with(&remove("intervention.safetensors"), &["intervention.safetensors: cannot read"]);
    with(&cut("metrics.json"), &["metrics.json: not the JSON"]);
    with(&cut("config.json"), &["config.json: not the JSON"]);
    with(&cut("model.safetensors"), &["model.safetensors: not a whole safetensors file"]);
    with(&cut("intervention.safetensors"), &["intervention.safetensors: not a whole safetensors file"]);
    with(&replace("config.json", "\"rank\": 8", "\"rank\": 7"), &["the rotation is [8, 8], config.json says [8, 7]"]);
    with(&replace("config.json", "\"width\": 8", "\"width\": 9"), &["config.json", "width 9", "width 8"]);
    with(&replace("config.json", "\"layer\": 0", "\"layer\": 9"), &["9.block_output"]);
    with(&replace("config.json", "\"layer\": 0", "\"layer\": 1"), &["1.block_output", "0.block_output"]);
    with(&replace("config.json", "rotated_space", "rotated"), &["unknown intervention `rotated`"]);
    with(&replace("recipe.toml", "steps", "stepz"), &["recipe.toml", "did you mean `steps`?"]);
    with(&last(3.0), &["not orthonormal"]);
    with(&last(f32::NAN), &["contains NaN"]);
    refused(&["evaluate", folder.path().join("nowhere").to_str().unwrap()], &["nowhere"]);
}
