//! A GPU gives the results of the processor. The device is the one that `INTERVENE_TEST_DEVICE` names (`wgpu:cpu`, a
//! software driver, in CI).
//!
//! Without that variable these tests check nothing, and the run says so at its end. With it they fail where another device
//! ran.

mod common {
    pub mod device;
    pub mod families;
    pub mod fixtures;
    pub mod half_precision;
    pub mod needs;
    pub mod numbers;
    pub mod runs;
    pub mod whole_run;
}
mod pyvene_parity {
    mod case;
    mod compare;
    mod locations;
    mod operations;
    mod subspaces;
    pub mod suite;
    mod train;
}

use std::io::Write;
use std::process::Command;

use assert_cmd::cargo::cargo_bin;
use burn::tensor::{Device, Tensor};
use intervene::device;
use intervene::models::{Dtype, Pretrained};
use tempfile::TempDir;

use crate::common::device::DEVICE;
use crate::common::{families, half_precision, needs, runs};
use crate::pyvene_parity::suite;

/// The device that `INTERVENE_TEST_DEVICE` names, and its name; standard error says which it is, captured or not.
fn device_under_test() -> Option<(Device, String)> {
    let Some(name) = std::env::var("INTERVENE_TEST_DEVICE").ok().filter(|name| !name.is_empty()) else {
        needs::not_checked("a device in INTERVENE_TEST_DEVICE (`wgpu:cpu`, `cuda:0`)");
        return None;
    };
    let device =
        device::find(&name, &mut ()).unwrap_or_else(|error| panic!("INTERVENE_TEST_DEVICE names {name}: {error}"));
    assert_eq!(device::name(&device), name, "INTERVENE_TEST_DEVICE names another device");
    assert!(!device::is_cpu(&device), "this is the processor itself");
    assert!(DEVICE.get_or_init(|| device.clone()) == &device, "all tests run on one device");
    let test = std::thread::current().name().unwrap_or_default().to_owned();
    let text = format!("\n*** {test}: runs on {} ***\n", device::describe(&device));
    std::io::stderr().write_all(text.as_bytes()).unwrap();
    Some((device, name))
}

#[test]
fn every_case_of_a_family_equals_pyvene() {
    let Some(_) = device_under_test() else { return };
    let family = |folder: &std::path::PathBuf| families::name(folder) == FAMILY;
    suite::every_case_is_equal(&families::families().into_iter().filter(family).collect::<Vec<_>>());
}

/// The family with the fewest cases.
const FAMILY: &str = "gpt_neox";

#[test]
fn the_self_test_passes() {
    let Some((_, name)) = device_under_test() else { return };
    let output = Command::new(cargo_bin!("intervene")).args(["devices", &name, "--json"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let all: serde_json::Value = serde_json::from_str(&said).unwrap();
    println!("{said}");
    assert_eq!((all[0]["name"].as_str(), all[0]["works"].as_bool()), (Some(&name[..]), Some(true)), "{said}");
    assert!(all[0]["gflop_per_s"].as_f64().unwrap() > 0.0, "{said}");
}

#[test]
fn the_equality_search_ends_as_on_the_processor() {
    let Some((_, name)) = device_under_test() else { return };
    // The search on the fixed equality network, with fewer and smaller steps.
    let steps = ["training.steps=120", "training.batch=512", "training.learning_rate=2e-2"];
    let short = [&steps[..], &["evaluation.pairs=1000", "evaluation.random_rotations=1"]].concat();
    let run = |device: &str| runs::run(|out| runs::train("hierarchical_equality_das_given", device, &short, out));
    alike(&run("cpu"), &run(&name), &name);
}

#[test]
fn the_gender_search_ends_as_on_the_processor() {
    let Some((_, name)) = device_under_test() else { return };
    let Some(model) = needs::smollm2() else { return };
    alike(&runs::gender(&model, "cpu", &[]), &runs::gender(&model, &name, &[]), &name);
}

fn alike(cpu: &TempDir, gpu: &TempDir, name: &str) {
    let [(on_cpu, cpu), (on_gpu, gpu)] = [cpu, gpu].map(|run| {
        let metrics = runs::metrics(run);
        println!("{metrics}\n{}", std::fs::read_to_string(run.path().join("run/metrics.jsonl")).unwrap());
        (metrics["device"].as_str().unwrap().to_owned(), metrics["iia"].as_f64().unwrap())
    });
    assert_eq!((on_cpu.as_str(), on_gpu.as_str()), ("cpu", name));
    assert!((cpu - gpu).abs() <= 0.02, "IIA {gpu} on {name}, {cpu} on the processor");
    assert!(cpu > 0.8, "a search without an alignment shows nothing: {cpu}");
}

#[test]
fn half_precision_stays_near_or_is_refused_by_name() {
    let Some((device, _)) = device_under_test() else { return };
    let Some(model) = needs::smollm2() else { return };
    for dtype in [Dtype::BF16, Dtype::F16] {
        let wanted = if dtype == Dtype::BF16 { burn::tensor::DType::BF16 } else { burn::tensor::DType::F16 };
        if device.supports_dtype(wanted) {
            half_precision::logits_stay_near(&model, dtype, &device);
        } else {
            let error = Pretrained::load(&model, dtype, &device).unwrap_err().to_string();
            println!("{error}");
            assert!(
                error.contains(&format!("it does not support {dtype}")) && error.contains("it supports: f32"),
                "{error}"
            );
        }
    }
}

#[test]
fn a_full_memory_is_an_error_with_what_lowers_it() {
    let Some((device, name)) = device_under_test() else { return };
    // More than any buffer can hold.
    let fill = || Ok(Tensor::<2>::ones([1 << 20, 1 << 20], &device).narrow(1, 7, 1).narrow(0, 7, 1).into_data());
    let error = device::attempt(&device, "filling the cache", "cache.level = \"host\"", fill).unwrap_err().to_string();
    println!("{error}");
    assert!(error.starts_with(&format!("{name}: its memory ran out (filling the cache; it has ")), "{error}");
    assert!(error.contains("Settings that need less: cache.level"), "{error}");
    // The device still works.
    let double = || Ok((Tensor::<1>::ones([4], &device) * 2.0).into_data().iter::<f32>().sum::<f32>());
    assert_eq!(device::attempt(&device, "doubling", "", double).unwrap(), 8.0);
}

#[test]
fn a_cache_that_does_not_fit_beside_the_weights_is_refused_or_staged() {
    let Some((_, name)) = device_under_test() else { return };
    let Some(model) = needs::smollm2() else { return };
    let folder = tempfile::tempdir().unwrap();
    let run = |level: &str, set: &[&str]| {
        let out = folder.path().join(level);
        let set = [&["training.steps=1", "training.batch=2", "intervention.layer=2"], set].concat();
        let mut command = runs::gender_command(&model, &name, [2, 2], &set, &out);
        // The weights take 538.06 MB of this.
        let output = command.env("INTERVENE_DEVICE_MEMORY", "538.1 MB").output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        println!("{level}: {said}");
        (output.status.success(), said, out.join("metrics.json").is_file())
    };
    let (worked, said, whole) = run("memory", &["cache.level=memory"]);
    assert!(!worked && !whole && !said.contains("panicked"), "{said}");
    for part in [&format!("error: {name}: the cache's rows take ")[..], "of 538.1 MB", "cache.level = \"host\""] {
        assert!(said.contains(part), "`{part}` is not in: {said}");
    }
    let (worked, said, whole) = run("any", &[]);
    assert!(worked && whole && said.contains("MB (host)"), "{said}");
}
