//! What holds on the processor holds on a GPU: on the device that `INTERVENE_TEST_DEVICE` names (`wgpu:cpu`, a software driver,
//! in CI).
//!
//! Without that variable these tests run nothing, and say so. With it they fail where that device is not the one they ran on.

#[path = "pyvene_parity/case.rs"]
mod case;
mod common;
#[path = "pyvene_parity/compare.rs"]
mod compare;
#[path = "common/half.rs"]
mod half;
#[path = "pyvene_parity/locations.rs"]
mod locations;
#[path = "pyvene_parity/operations.rs"]
mod operations;
#[path = "common/runs.rs"]
mod runs;
#[path = "pyvene_parity/subspaces.rs"]
mod subspaces;
#[path = "pyvene_parity/suite.rs"]
mod suite;
#[path = "pyvene_parity/train.rs"]
mod train;

use std::io::Write;
use std::process::Command;

use assert_cmd::cargo::cargo_bin;
use burn::tensor::{Device, Tensor};
use intervene::device;
use intervene::models::{Dtype, Pretrained};

/// The device that was asked for, and its name; past the harness's capture it is said which it is.
fn asked(test: &str) -> Option<(Device, String)> {
    let say = |words: String| std::io::stderr().write_all(format!("\n*** {test}: {words} ***\n").as_bytes()).unwrap();
    let Some(name) = std::env::var("INTERVENE_TEST_DEVICE").ok().filter(|name| !name.is_empty()) else {
        say("INTERVENE_TEST_DEVICE names no device, so NOTHING RAN ON A GPU".to_owned());
        return None;
    };
    let device = device::find(&name).unwrap_or_else(|error| panic!("{name} was asked for: {error}"));
    assert_eq!(device::name(&device), name, "another device was asked for");
    assert!(!device::is_cpu(&device), "this is the processor itself");
    common::run_on(&device);
    say(format!("ran on {}", device::describe(&device)));
    Some((device, name))
}

#[test]
fn every_case_of_a_family_is_pyvenes() {
    let Some(_) = asked("pyvene's cases") else { return };
    let family = |folder: &std::path::PathBuf| common::name(folder) == FAMILY;
    suite::every_case_is_equal(&common::families().into_iter().filter(family).collect::<Vec<_>>());
}

/// The family with the fewest cases.
const FAMILY: &str = "gpt_neox";

#[test]
fn the_self_test_passes() {
    let Some((_, name)) = asked("self-test") else { return };
    let output = Command::new(cargo_bin!("intervene")).args(["devices", &name, "--json"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let all: serde_json::Value = serde_json::from_str(&said).unwrap();
    println!("{said}");
    assert_eq!((all[0]["name"].as_str(), all[0]["works"].as_bool()), (Some(&name[..]), Some(true)), "{said}");
    assert!(all[0]["gflop_per_s"].as_f64().unwrap() > 0.0, "{said}");
}

#[test]
fn the_equality_search_ends_alike() {
    let Some((_, name)) = asked("equality") else { return };
    alike(&runs::equality("cpu"), &runs::equality(&name), &name);
}

#[test]
fn the_gender_search_ends_alike() {
    let Some((_, name)) = asked("gender agreement") else { return };
    let Some(model) = common::smollm2() else { return };
    alike(&runs::gender(&model, "cpu", &[]), &runs::gender(&model, &name, &[]), &name);
}

fn alike(cpu: &runs::Run, gpu: &runs::Run, name: &str) {
    println!("{name}: IIA {} (cpu: {}), losses {:?} (cpu: {:?})", gpu.iia, cpu.iia, gpu.loss, cpu.loss);
    assert_eq!((cpu.device.as_str(), gpu.device.as_str()), ("cpu", name));
    assert!((cpu.iia - gpu.iia).abs() <= 0.02, "IIA {} on {name}, {} on the processor", gpu.iia, cpu.iia);
    assert!(cpu.iia > 0.8, "a search that finds nothing shows nothing: {}", cpu.iia);
}

#[test]
fn half_precision_stays_near_or_is_refused_by_name() {
    let Some((device, _)) = asked("half precision") else { return };
    let Some(model) = common::smollm2() else { return };
    for dtype in [Dtype::BF16, Dtype::F16] {
        let wanted = if dtype == Dtype::BF16 { burn::tensor::DType::BF16 } else { burn::tensor::DType::F16 };
        if device.supports_dtype(wanted) {
            half::logits_stay_near(&model, dtype, &device);
        } else {
            let error = Pretrained::load(&model, dtype, &device).unwrap_err().to_string();
            println!("{error}");
            assert!(
                error.contains(&format!("it does not compute in {dtype}")) && error.contains("it does in: f32"),
                "{error}"
            );
        }
    }
}

#[test]
fn a_full_memory_is_an_error_with_what_lowers_it() {
    let Some((device, name)) = asked("full memory") else { return };
    // More than any buffer may have.
    let fill = || Ok(Tensor::<2>::ones([1 << 20, 1 << 20], &device).narrow(1, 7, 1).narrow(0, 7, 1).into_data());
    let error = device::attempt(&device, "filling the cache", "cache.level = \"host\"", fill).unwrap_err().to_string();
    println!("{error}");
    assert!(error.starts_with(&format!("{name}: its memory ran out (filling the cache; it has ")), "{error}");
    assert!(error.contains("Settings that need less: cache.level"), "{error}");
    // The device goes on.
    let double = || Ok((Tensor::<1>::ones([4], &device) * 2.0).into_data().iter::<f32>().sum::<f32>());
    assert_eq!(device::attempt(&device, "doubling", "", double).unwrap(), 8.0);
}

#[test]
fn a_cache_that_does_not_fit_beside_the_weights_is_refused_or_staged() {
    let Some((_, name)) = asked("budget") else { return };
    let Some(model) = common::smollm2() else { return };
    let folder = tempfile::tempdir().unwrap();
    let run = |level: &str, set: &[&str]| {
        let out = folder.path().join(level);
        let set = [&["training.steps=1", "training.batch=2", "intervention.layer=2"], set].concat();
        let mut command = runs::gender_command(&model, &name, [2, 2], &set, &out);
        // The weights take 538.06 MB of it.
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
