//! Malformed input to the commands for a language model: a clear error each, exit status 2, no panic.

use std::fs;

use crate::common::fixtures::fixtures;
use crate::common::program::{file, refused};
use crate::common::tiny::model;

#[test]
fn folders_that_are_no_models() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    refused(
        &["sites", "no/such/folder"],
        &["no/such/folder", "neither a folder nor a name on the Hub", "config.json, model.safetensors"],
    );
    refused(&["sites", path], &["has no config.json"]);
    fs::write(folder.path().join("config.json"), r#"{"model_type": "t5"}"#).unwrap();
    refused(&["sites", path], &["`t5`", "supported are: gpt2"]);
    let llama = model("llama");
    fs::write(llama.path().join("tokenizer.json"), "{").unwrap();
    refused(&["sites", llama.path().to_str().unwrap()], &["tokenizer.json", "not a tokenizer"]);
    let bare = fixtures().join("llama").display().to_string();
    refused(&["generate", "--model", &bare, "--prompt", "Ann"], &["has no tokenizer.json", "token ids"]);
    refused(&["generate", "--model", &bare, "--prompt", "Ann", "--device", "gpu9"], &["unknown device `gpu9`"]);
}

#[test]
fn patches_that_cannot_be_made() {
    let folder = model("llama");
    let path = folder.path().to_str().unwrap();
    let patch = |more: &[&str], parts: &[&str]| refused(&[&["patch", "--model", path], more].concat(), parts);
    let pair = ["--base", "Ann sat", "--source", "Tom sat"];
    let with = |more: &[&'static str]| [&pair[..], more].concat();
    patch(&["--base", "at Ann", "--source", "at Tom"], &["the base has 3 (a|t| Ann)", "the source 4 (a|t| |Tom)"]);
    patch(&["--base", "", "--source", "Tom"], &["an empty prompt"]);
    patch(&with(&["--component", "block_ouput"]), &["did you mean `block_output`?"]);
    patch(&with(&["--component", "cell_output"]), &["component of this model", "block_output"]);
    patch(&with(&["--component", "head_key_output"]), &["a single head", "key_output"]);
    patch(&with(&["--answer", "sat"]), &["`sat` is 3 tokens (`s`, `a`, `t`): one is needed"]);
    patch(&with(&["--answer", "a", "--foil", "a"]), &["the same answer, `a`", "--answer and --foil"]);
    patch(
        &["--base", "Ann", "--source", "Ann", "--answer", "a", "--foil", "b"],
        &["is the same in the base and in the source"],
    );
    let long = "a".repeat(65);
    let learned = model("gpt2");
    let learned = learned.path().to_str().unwrap();
    refused(
        &["generate", "--model", learned, "--prompt", &long],
        &["65 tokens are more than the model's 32 positions"],
    );
}

#[test]
fn traces_and_generations_that_cannot_be_made() {
    let folder = model("llama");
    let path = folder.path().to_str().unwrap();
    let trace = |more: &[&str], parts: &[&str]| {
        refused(&[&["trace", "--model", path, "--prompt", "Ann sat"], more].concat(), parts);
    };
    trace(&["--subject", "Tom"], &["`Tom` is not in `Ann sat`"]);
    trace(&["--subject", ""], &["at least one character is needed"]);
    trace(&["--subject", "Ann", "--samples", "0"], &["--samples"]);
    trace(&["--subject", "Ann", "--noise", "nan"], &["--noise"]);
    trace(&["--subject", "Ann", "--kind", "heads"], &["heads"]);
    let generate = |more: &[&str], parts: &[&str]| {
        refused(&[&["generate", "--model", path, "--prompt", "Ann"], more].concat(), parts);
    };
    generate(&["--temperature", "0"], &["temperature 0", "must be positive"]);
    generate(&["--top-p", "0.5"], &["--temperature"]);
    generate(&["--source", "Tom"], &["--with"]);
}

#[test]
fn inputs_that_cannot_be_collected() {
    let folder = model("llama");
    let path = folder.path().to_str().unwrap();
    let out = folder.path().join("out.safetensors");
    let collect = |lines: &[&str], more: &[&str], parts: &[&str]| {
        let inputs = file(folder.path(), "inputs.jsonl", lines);
        let (inputs, out) = (inputs.to_str().unwrap(), out.to_str().unwrap());
        let common = ["collect", "--model", path, "--inputs", inputs, "--out", out];
        refused(&[&common[..], more].concat(), parts);
    };
    let sites = ["--sites", "all.block_output"];
    let one = [r#"{"base": "Ann"}"#];
    collect(&[], &sites, &["inputs.jsonl", "has no inputs"]);
    collect(&one, &["--sites", "2.block_output"], &["layer 2 does not exist: the model has 2 layers"]);
    collect(&one, &["--sites", "block_output"], &["LAYER.COMPONENT"]);
    collect(&one, &["--sites", "0.block_output,all.block_output"], &["0.block_output is named twice"]);
    collect(
        &one,
        &[&sites[..], &["--positions", "3"]].concat(),
        &["inputs.jsonl:1", "position 3 is past the end: there are 1 tokens"],
    );
    collect(&one, &[&sites[..], &["--positions", "-2"]].concat(), &["position -2 is past the end"]);
    collect(&one, &[&sites[..], &["--positions", "text:Tom"]].concat(), &["inputs.jsonl:1", "`Tom` is not in `Ann`"]);
    collect(&one, &[&sites[..], &["--positions", "frist"]].concat(), &["unknown position `frist`"]);
    collect(&one, &[&sites[..], &["--batch", "0"]].concat(), &["--batch"]);
    let second = |line: &str, parts: &[&str]| collect(&[one[0], line], &sites, &[&["inputs.jsonl:2"], parts].concat());
    second(r#"{"base": ""}"#, &["an empty prompt"]);
    second(r#"{"base": []}"#, &["an empty prompt"]);
    second(r#"{"base": [64]}"#, &["token 64 is not in the vocabulary of 64"]);
    second(r#"{"bass": "Ann"}"#, &["did you mean `base`?"]);
    second(r#"{"base": "Ann", "sources": ["Tom"]}"#, &["collect runs only the base"]);
    second(r#"{"base": [1], "positions": "text:Ann"}"#, &["among token ids"]);
    second("nonsense", &["expected"]);
    assert!(!out.exists() && !out.with_extension("safetensors.partial").exists(), "nothing is left of what failed");
}

#[test]
fn specifications_that_cannot_be_applied() {
    let folder = model("llama");
    let path = folder.path().to_str().unwrap();
    let out = folder.path().join("out.safetensors");
    let inputs = file(folder.path(), "inputs.jsonl", &[r#"{"base": "Ann sat", "sources": ["Tom sat"]}"#]);
    let apply = |spec: &str, parts: &[&str]| {
        let spec = file(folder.path(), "spec.toml", &[spec]);
        let (inputs, out) = (inputs.to_str().unwrap(), out.to_str().unwrap());
        refused(&["apply", spec.to_str().unwrap(), "--model", path, "--inputs", inputs, "--out", out], parts);
    };
    let first = "[[interventions]]\nsite = \"0.block_output\"\nkind = \"vanilla\"\n";
    let second = |lines: &str, parts: &[&str]| apply(&format!("{first}\n[[interventions]]\n{lines}"), parts);
    apply("", &["missing field `interventions`"]);
    apply("interventions = []", &["spec.toml", "at least one is needed"]);
    apply(&format!("odrer = \"serial\"\n{first}"), &["spec.toml:1", "unknown key `odrer`; did you mean `order`?"]);
    apply(&format!("order = \"serail\"\n{first}"), &["spec.toml:1", "unknown value `serail`; did you mean `serial`?"]);
    second("site = \"0.block_output\"\nkind = \"vanila\"", &["spec.toml:7", "did you mean `vanilla`?"]);
    second("site = \"0.block_ouput\"\nkind = \"zero\"", &["spec.toml:6", "did you mean `block_output`?"]);
    second("site = \"7.block_output\"\nkind = \"zero\"", &["spec.toml:6", "layer 7 does not exist"]);
    second("site = \"0.cell_output\"\nkind = \"zero\"", &["spec.toml:6", "component of this model"]);
    second(
        "site = \"0.head_key_output\"\nkind = \"zero\"\nheads = [2]",
        &["spec.toml:8", "head 2 does not exist: the site has 2 heads"],
    );
    second("site = \"0.key_output\"\nkind = \"zero\"\nheads = [0]", &["spec.toml:8", "a whole site"]);
    second(
        "site = \"0.block_output\"\nkind = \"zero\"\npositions = 9",
        &["inputs.jsonl:1", "intervention 1 at 0.block_output", "position 9 is past the end"],
    );
    second("site = \"0.block_output\"\nkind = \"zero\"\npositions = \"text:Tom\"", &["`Tom` is not in `Ann sat`"]);
    second(
        "site = \"0.block_output\"\nkind = \"vanilla\"\nsource = 1",
        &["inputs.jsonl:1", "reads 2 sources, the input has 1"],
    );
    second(
        "site = \"0.block_output\"\nkind = \"vanilla\"\npositions = [0, 1]\nsource_positions = 0",
        &["1 positions of the source", "2 positions of the base"],
    );
    second(
        "site = \"0.block_output\"\nkind = \"addition\"\nconstant = [1.0, nan]",
        &["spec.toml:8", "width 2 for rows of width 32"],
    );
    let nan = format!("site = \"0.block_output\"\nkind = \"addition\"\nconstant = [nan{}]", ", 0.0".repeat(31));
    second(&nan, &["spec.toml:8", "holds a NaN"]);
    second("site = \"0.block_output\"\nkind = \"addition\"\nconstant = \"x\"", &["spec.toml:8", "a list of numbers"]);
    second("site = \"0.block_output\"\nkind = \"zero\"\nconstant = [1.0]", &["spec.toml:8"]);
    second("site = \"0.block_output\"\nkind = \"rotated_space\"", &["spec.toml:7", "weights"]);
    second(
        "site = \"0.block_output\"\nkind = \"rotated_space\"\nweights = \"no.safetensors\"",
        &["spec.toml:8", "no.safetensors"],
    );
    second("site = \"0.block_output\"\nkind = \"rotated_space\"\nrank = 33", &["rank 33 is not between 1 and"]);
    second("site = \"0.block_output\"\nkind = \"vanilla\"\nsubspace = [32]", &["spec.toml:8", "no column 32"]);
    second(
        "site = \"0.block_output\"\nkind = \"vanilla\"\nsubspace = [2]\npartition = [[0, 16], [16, 32]]",
        &["spec.toml:8", "no part 2"],
    );
    let link = "site = \"0.block_output\"\nkind = \"vanilla\"\nlink = \"a\"\n[[interventions]]\nsite = \"0.block_output\"\nkind = \"zero\"\nlink = \"a\"";
    second(link, &["spec.toml:12", "the link `a` joins different interventions"]);
    assert!(!out.exists() && !out.with_extension("safetensors.partial").exists());
}
