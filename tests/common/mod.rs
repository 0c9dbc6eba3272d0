//! The fixtures, read as tensors.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use burn::tensor::{Device, Int, Tensor, TensorData};
use intervene::models::{Context, Dtype, FrozenModel, LanguageModel, Pretrained};
use intervene::tap::Tap;
use safetensors::SafeTensors;

/// Another device than the processor, where a test file is about one.
static DEVICE: OnceLock<Device> = OnceLock::new();

/// Where tensors go.
pub fn device() -> Device {
    DEVICE.get().cloned().unwrap_or_else(Device::flex)
}

/// From now on, there.
pub fn run_on(device: &Device) {
    assert!(DEVICE.get_or_init(|| device.clone()) == device, "a test file is about one device");
}

/// How far from others' numbers ours may be: 1e-4 on the processor, and 1e-3 on a GPU, whose rounding is its own.
pub fn tolerance() -> f32 {
    if DEVICE.get().is_some() { 1e-3 } else { 1e-4 }
}

/// The folder of the families' fixtures: `INTERVENE_FIXTURES`, or the repository's copy.
pub fn fixtures() -> PathBuf {
    std::env::var_os("INTERVENE_FIXTURES")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pyvene"), PathBuf::from)
}

/// One folder per family, sorted; at least one.
pub fn families() -> Vec<PathBuf> {
    families_in(&fixtures())
}

/// The folders of `folder` that hold a checkpoint and what transformers computes with it.
pub fn families_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut families: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("config.json").is_file() && path.join("io.safetensors").is_file())
        .collect();
    families.sort();
    assert!(!families.is_empty(), "{} holds no family", folder.display());
    families
}

/// The families of pyvene's fixtures, and those that only transformers has been asked about.
pub fn all() -> Vec<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/transformers");
    [families(), families_in(&own)].concat()
}

/// The last part of a family's folder.
pub fn name(folder: &Path) -> &str {
    folder.file_name().unwrap().to_str().unwrap()
}

/// The family's model in f32.
pub fn load(folder: &Path) -> Pretrained {
    Pretrained::load(folder, Dtype::F32, &device()).unwrap()
}

/// A safetensors file of numbers.
pub struct Numbers(HashMap<String, (Vec<usize>, Vec<f64>)>);

impl Numbers {
    pub fn open(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let numbers = file.iter().map(|(name, view)| {
            let data = view.data();
            let values = match view.dtype() {
                safetensors::Dtype::F32 => {
                    data.chunks_exact(4).map(|b| f64::from(f32::from_le_bytes(b.try_into().unwrap()))).collect()
                }
                safetensors::Dtype::I64 => {
                    data.chunks_exact(8).map(|b| i64::from_le_bytes(b.try_into().unwrap()) as f64).collect()
                }
                other => panic!("{name} is {other:?}"),
            };
            (name.to_owned(), (view.shape().to_vec(), values))
        });
        Self(numbers.collect())
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn get(&self, name: &str) -> &(Vec<usize>, Vec<f64>) {
        self.0.get(name).unwrap_or_else(|| panic!("the fixture has no `{name}`"))
    }

    pub fn floats<const D: usize>(&self, name: &str) -> Tensor<D> {
        let (shape, values) = self.get(name);
        let values: Vec<f32> = values.iter().map(|value| *value as f32).collect();
        Tensor::from_data(TensorData::new(values, shape.clone()), &device())
    }

    /// Floats of any shape.
    pub fn data(&self, name: &str) -> TensorData {
        let (shape, values) = self.get(name);
        TensorData::new(values.iter().map(|value| *value as f32).collect::<Vec<_>>(), shape.clone())
    }

    /// All of a name's beginning, by the rest of the name.
    pub fn under(&self, prefix: &str) -> Vec<(String, TensorData)> {
        let rest = self.0.keys().filter_map(|name| name.strip_prefix(prefix).map(|rest| (rest, name)));
        rest.map(|(rest, name)| (rest.to_owned(), self.data(name))).collect()
    }

    pub fn ints<const D: usize>(&self, name: &str) -> Tensor<D, Int> {
        let (shape, values) = self.get(name);
        let values: Vec<i64> = values.iter().map(|value| *value as i64).collect();
        Tensor::from_data(TensorData::new(values, shape.clone()), &device())
    }

    /// The rows of a matrix of whole numbers.
    pub fn rows(&self, name: &str) -> Vec<Vec<i64>> {
        let (shape, values) = self.get(name);
        values.chunks_exact(shape[1]).map(|row| row.iter().map(|value| *value as i64).collect()).collect()
    }
}

/// A full run past a tap, to logits.
pub fn logits(model: &Pretrained, tokens: Tensor<2, Int>, context: &mut Context, tap: &mut dyn Tap) -> Tensor<3> {
    let hidden = model.embed(tokens, context);
    model.unembed(model.layers(hidden, 0..model.n_layers(), context, tap))
}

/// A full run without padding.
pub fn plain(model: &Pretrained, tokens: Tensor<2, Int>, tap: &mut dyn Tap) -> Tensor<3> {
    let [batch, seq] = tokens.dims();
    logits(model, tokens, &mut Context::full(batch, seq), tap)
}

/// The largest distance of two tensors of one shape.
pub fn distance<const D: usize>(a: &Tensor<D>, b: &Tensor<D>) -> f32 {
    assert_eq!(a.dims(), b.dims());
    let distance = (a.clone() - b.clone()).abs().max().into_scalar::<f32>();
    assert!(!distance.is_nan());
    distance
}

/// Tokens, from whole numbers.
pub fn tokens_of(rows: &[Vec<i64>]) -> Vec<Vec<u32>> {
    rows.iter().map(|row| row.iter().map(|token| *token as u32).collect()).collect()
}

/// SmolLM2-135M's folder: `INTERVENE_SMOLLM2`, or `target/models/SmolLM2-135M-Instruct`. Where it is not there, it is said
/// loudly that nothing is checked; on CI (where `CI` is set) that is a failure.
pub fn smollm2() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = std::env::var_os("INTERVENE_SMOLLM2")
        .map_or_else(|| root.join("target/models/SmolLM2-135M-Instruct"), PathBuf::from);
    if folder.join("model.safetensors").is_file() {
        return Some(folder);
    }
    nothing_checked(&format!("{} holds no SmolLM2-135M. Make it with `python3 scripts/smollm2.py`", folder.display()));
    None
}

/// The interpreter of scripts/pyvene_env.sh's environment: `INTERVENE_PYVENE`, or the one in the user's cache. Where it is not
/// there, it is said loudly that nothing is checked; on CI (where `CI` is set) that is a failure.
pub fn pyvene() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = || set("XDG_CACHE_HOME").unwrap_or_else(|| set("HOME").unwrap_or_default().join(".cache"));
    let python = set("INTERVENE_PYVENE").unwrap_or_else(|| cache().join("intervene/pyvene-0.1.8/bin/python"));
    let complete = python.ancestors().nth(2).is_some_and(|venv| venv.join(".complete").is_file());
    if python.is_file() && (complete || set("INTERVENE_PYVENE").is_some()) {
        return Some(python);
    }
    nothing_checked(&format!("there is no pyvene at {}. Make it with `bash scripts/pyvene_env.sh`", python.display()));
    None
}

/// Says past the harness's capture that a test which passes checked nothing; on CI it fails.
fn nothing_checked(why: &str) {
    use std::io::Write;
    let problem = format!("NOTHING WAS CHECKED: {why}");
    assert!(std::env::var_os("CI").is_none(), "{problem}");
    std::io::stderr().write_all(format!("\n*** {problem} ***\n\n").as_bytes()).unwrap();
}
