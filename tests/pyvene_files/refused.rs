//! Folders that cannot be imported or exported: a clear error each.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::common::fixtures::fixtures;
use crate::common::program::{file, refused};
use crate::common::tiny::model;

fn config(folder: &Path, change: impl FnOnce(&mut Value)) {
    let mut config = json!({
        "representations": [[0, "block_output", "pos", 1, null, null, null, null, null, null, null, null, null, null]],
        "intervention_types": ["<class 'pyvene.models.interventions.VanillaIntervention'>"],
        "intervention_dimensions": [32],
        "intervention_constant_sources": [false],
        "mode": "parallel",
        "sorted_keys": ["layer_0_comp_block_output_unit_pos_nunit_1#0"],
    });
    change(&mut config);
    fs::write(folder.join("config.json"), config.to_string()).unwrap();
}

#[test]
fn folders_that_cannot_be_imported() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let out = folder.path().join("out");
    let import = |change: &dyn Fn(&mut Value), parts: &[&str]| {
        config(folder.path(), change);
        refused(&["import", path, "--out", out.to_str().unwrap()], parts);
        assert!(!out.exists());
    };
    let class = |name: &str| json!([format!("<class '{name}'>")]);
    import(
        &|config| config["intervention_types"] = class("__main__.Mine"),
        &["`__main__.Mine` is not a class of pyvene"],
    );
    import(
        &|config| config["intervention_types"] = class("pyvene.models.interventions.RotatedIntervention"),
        &["unknown intervention `RotatedIntervention`"],
    );
    import(
        &|config| config["intervention_types"] = class("pyvene.models.interventions.RotatedSpaceIntervention"),
        &[
            "has no tensors for this rotated_space",
            "intkey_layer_0_comp_block_output_unit_pos_nunit_1#0.bin or",
            "layer.0.comp",
        ],
    );
    import(
        &|config| config["intervention_types"] = class("pyvene.models.interventions.NoiseIntervention"),
        &["pyvene's save writes none for this kind"],
    );
    import(&|config| config["representations"][0][1] = json!("model.layers[0].mlp"), &["is a module's path"]);
    import(&|config| config["representations"][0][1] = json!("block_ouput"), &["did you mean `block_output`?"]);
    import(&|config| config["representations"][0][2] = json!("t"), &["the unit `t`", "`pos`"]);
    import(&|config| config["intervention_types"] = json!([]), &["0 intervention_types for 1 representations"]);
    import(&|config| config["representations"] = json!([]), &["intervention_types for 0 representations"]);
    import(&|config| config["mode"] = json!("sideways"), &["sideways"]);
    fs::write(folder.path().join("config.json"), r#"{"model_type": "llama"}"#).unwrap();
    refused(&["import", path, "--out", out.to_str().unwrap()], &["is not a config.json of pyvene"]);
    let llama = model("llama");
    let llama = llama.path().to_str().unwrap();
    config(folder.path(), |config| config["representations"][0][0] = json!(7));
    refused(&["import", path, "--out", out.to_str().unwrap(), "--model", llama], &["layer 7 does not exist"]);
}

#[test]
fn interventions_that_pyvene_cannot_take() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let export = |spec: &str, parts: &[&str]| {
        let spec = file(folder.path(), "spec.toml", &[spec]);
        refused(&["export", spec.to_str().unwrap(), "--format", "pyvene", "--out", out.to_str().unwrap()], parts);
        let _ = fs::remove_dir_all(&out);
    };
    let one = |more: &str| format!("[[interventions]]\nsite = \"0.block_output\"\n{more}\n");
    export(&one("kind = \"rotated_space\"\nrank = 4"), &["spec.toml:3", "drawn at random"]);
    export(&one("kind = \"noise\"\nlevel = 0.1"), &["drawn at random"]);
    export(
        "[[interventions]]\nsite = \"0.mlp_activation\"\nkind = \"vanilla\"\n",
        &["spec.toml:2", "give the model with --model"],
    );
    let vanilla = |source: usize| one(&format!("kind = \"vanilla\"\nsource = {source}"));
    export(&[vanilla(0), vanilla(1), vanilla(0)].concat(), &["reads source 0 again", "have to follow each other"]);
    let mib = |more: &[&str], parts: &[&str]| {
        let spec = file(folder.path(), "spec.toml", &[&one("kind = \"vanilla\"")]);
        let (spec, llama) = (spec.to_str().unwrap(), fixtures().join("llama").display().to_string());
        let common = ["export", spec, "--format", "mib", "--out", out.to_str().unwrap(), "--model", &llama];
        refused(&[&common[..], more].concat(), parts);
    };
    let named =
        |task: &'static str, variable: &'static str| ["--task", task, "--variable", variable, "--token", "last_token"];
    mib(&[], &["a submission to MIB needs --task"]);
    mib(&named("4_answer_MCQ", "answer"), &["did you mean `4_answer_MCQA`?"]);
    mib(&named("arithmetic", "answer"), &["unknown variable of that task `answer`; there are: ones_carry"]);
    mib(&named("arithmetic", "ones_carry"), &["spec.toml:3", "a vanilla has no rotation to submit"]);
}
