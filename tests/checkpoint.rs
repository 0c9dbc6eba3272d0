//! A malformed checkpoint is one clear error, before any weight is read.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use burn::tensor::{DType, Device, Tensor};
use intervene::models::{Dtype, Gru, Pretrained};
use safetensors::tensor::TensorView;
use safetensors::{Dtype as Stored, SafeTensors};
use tempfile::TempDir;

use crate::common::families;
use crate::common::fixtures::fixtures;
use crate::common::numbers::Numbers;
use crate::common::tensors::distance;
use crate::common::whole_run::plain;

/// A copy of a family's checkpoint to break.
fn copy(family: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in ["config.json", "model.safetensors"] {
        fs::copy(fixtures().join(family).join(file), folder.path().join(file)).unwrap();
    }
    folder
}

fn error(folder: &Path) -> String {
    Pretrained::load(folder, Dtype::F32, &Device::flex()).unwrap_err().to_string()
}

#[track_caller]
fn says(error: &str, parts: &[&str]) {
    for part in parts {
        assert!(error.contains(part), "`{part}` is not in: {error}");
    }
}

type Tensors = HashMap<String, (Stored, Vec<usize>, Vec<u8>)>;

fn read(folder: &Path) -> Tensors {
    let bytes = fs::read(folder.join("model.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    file.iter()
        .map(|(name, view)| (name.to_owned(), (view.dtype(), view.shape().to_vec(), view.data().to_vec())))
        .collect()
}

fn write(tensors: &Tensors, path: &Path) {
    let views = tensors
        .iter()
        .map(|(name, (dtype, shape, data))| (name.clone(), TensorView::new(*dtype, shape.clone(), data).unwrap()));
    safetensors::serialize_to_file(views, None, path).unwrap();
}

fn rewrite(folder: &Path, change: impl FnOnce(&mut Tensors)) {
    let mut tensors = read(folder);
    change(&mut tensors);
    write(&tensors, &folder.join("model.safetensors"));
}

#[test]
fn a_missing_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    says(&error(folder.path()), &["config.json", "reading"]);
    let folder = copy("llama");
    fs::remove_file(folder.path().join("model.safetensors")).unwrap();
    says(&error(folder.path()), &["has neither model.safetensors nor model.safetensors.index.json"]);
}

#[test]
fn an_unsupported_architecture_gets_the_list_of_supported_ones() {
    let folder = copy("llama");
    let config = r#"{"model_type": "phi3", "architectures": ["Phi3ForCausalLM"]}"#;
    fs::write(folder.path().join("config.json"), config).unwrap();
    says(&error(folder.path()), &["Phi3ForCausalLM", "is not supported", "gpt2, gpt_neox, llama, mistral", "gemma2"]);
    fs::write(folder.path().join("config.json"), r#"{"model_type": "gemma_2"}"#).unwrap();
    says(&error(folder.path()), &["`gemma_2`", "is not supported", "gpt2, gpt_neox", "did you mean `gemma2`?"]);
    fs::write(folder.path().join("config.json"), "{}").unwrap();
    says(&error(folder.path()), &["config.json", "has no model_type", "gpt2, gpt_neox"]);
    fs::write(folder.path().join("config.json"), "{").unwrap();
    says(&error(folder.path()), &["config.json: is not as expected"]);
}

#[test]
fn an_unsupported_setting_is_named() {
    for (from, to, parts) in [
        ("\"rope_type\": \"default\"", "\"rope_type\": \"yarn\"", ["rope scaling `yarn`", "llama3"]),
        ("\"silu\"", "\"mish\"", ["activation `mish`", "silu"]),
        ("\"vocab_size\"", "\"vocabulary\"", ["config.json", "vocab_size"]),
        ("\"num_key_value_heads\": 2", "\"num_key_value_heads\": 3", ["3 heads do not divide", "4"]),
        ("{\n", "{\"quantization_config\": {},\n", ["quantization_config", "not supported"]),
    ] {
        let folder = copy("llama");
        let path = folder.path().join("config.json");
        let config = fs::read_to_string(&path).unwrap();
        assert!(config.contains(from));
        fs::write(&path, config.replacen(from, to, 1)).unwrap();
        says(&error(folder.path()), &parts);
    }
}

#[test]
fn a_missing_tensor_is_named() {
    let folder = copy("qwen2");
    rewrite(folder.path(), |tensors| {
        tensors.remove("model.layers.1.self_attn.k_proj.bias").unwrap();
        tensors.remove("model.norm.weight").unwrap();
    });
    says(&error(folder.path()), &["layers.1.self_attn.k_proj.bias` is missing", "1 more such problems"]);
}

#[test]
fn a_misshapen_tensor_is_named_with_both_shapes() {
    let folder = copy("gpt2");
    rewrite(folder.path(), |tensors| {
        tensors.get_mut("transformer.h.1.attn.c_attn.weight").unwrap().1 = vec![96, 32];
    });
    says(&error(folder.path()), &["h.1.attn.c_attn.weight", "has shape [96, 32]", "should have [32, 96]"]);
}

#[test]
fn a_wrong_dtype_is_named() {
    let folder = copy("gemma2");
    rewrite(folder.path(), |tensors| tensors.get_mut("model.norm.weight").unwrap().0 = Stored::I32);
    says(&error(folder.path()), &["norm.weight", "holds I32", "F32, BF16 or F16"]);
}

#[test]
fn a_truncated_or_hostile_header_is_refused() {
    let folder = copy("gpt_neox");
    let path = folder.path().join("model.safetensors");
    let good = fs::read(&path).unwrap();
    let header = u64::from_le_bytes(good[..8].try_into().unwrap()) as usize;
    let with_length = |length: u64| [&length.to_le_bytes()[..], &good[8..]].concat();
    let with_header = |text: &str| [&(text.len() as u64).to_le_bytes()[..], text.as_bytes(), &[0; 64]].concat();
    let text = String::from_utf8(good[8..8 + header].to_vec()).unwrap();
    for (what, bytes, part) in [
        ("empty", vec![], "truncated"),
        ("seven bytes", good[..7].to_vec(), "truncated"),
        ("half a header", good[..header / 2].to_vec(), "truncated"),
        ("half the data", good[..header + (good.len() - header) / 2].to_vec(), "truncated or damaged"),
        ("one byte too few", good[..good.len() - 1].to_vec(), "truncated or damaged"),
        ("a header of 2^64 - 1 bytes", with_length(u64::MAX), "not a readable safetensors file"),
        ("a header of 99 MB", with_length(99_000_000), "reaches past the file"),
        ("no JSON", with_header("{\"a\":"), "invalid JSON"),
        ("no text", [&4u64.to_le_bytes()[..], &[0xff; 4]].concat(), "invalid UTF-8"),
        (
            "offsets past the end",
            with_header(r#"{"a":{"dtype":"F32","shape":[1000],"data_offsets":[0,4000]}}"#),
            "truncated or damaged",
        ),
        (
            "a shape that overflows",
            with_header(r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296,16],"data_offsets":[0,64]}}"#),
            "not a readable safetensors file",
        ),
        (
            "overlapping tensors",
            with_header(
                r#"{"a":{"dtype":"F32","shape":[8],"data_offsets":[0,32]},"b":{"dtype":"F32","shape":[8],"data_offsets":[16,48]}}"#,
            ),
            "invalid offset",
        ),
        ("data where the header was", [&good[..8], &text.as_bytes()[..header - 9], &good[header..]].concat(), "not a"),
    ] {
        fs::write(&path, bytes).unwrap();
        let error = error(folder.path());
        assert!(error.contains(part) && error.contains("model.safetensors"), "{what}: {error}");
    }
}

#[test]
fn shards_are_one_model_and_may_only_lie_beside_their_index() {
    let folder = copy("llama");
    let whole = families::load(folder.path());
    let (mut first, mut second) = (Tensors::new(), Tensors::new());
    for (number, (name, tensor)) in read(folder.path()).into_iter().enumerate() {
        if number % 2 == 0 { &mut first } else { &mut second }.insert(name, tensor);
    }
    fs::remove_file(folder.path().join("model.safetensors")).unwrap();
    let files = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    write(&first, &folder.path().join(files[0]));
    write(&second, &folder.path().join(files[1]));
    let index = |second_file: &str| {
        let of = |tensors: &Tensors, file: &str| {
            tensors.keys().map(|name| format!("\"{name}\": \"{file}\"")).collect::<Vec<_>>().join(",")
        };
        let map = format!("{{\"weight_map\": {{{}, {}}}}}", of(&first, files[0]), of(&second, second_file));
        fs::write(folder.path().join("model.safetensors.index.json"), map).unwrap();
    };
    index(files[1]);
    let sharded = families::load(folder.path());
    let io = Numbers::open(&fixtures().join("llama/io.safetensors"));
    let run = |model: &Pretrained| plain(model, io.ints("input_ids.0"), &mut ());
    assert_eq!(distance(&run(&whole), &run(&sharded)), 0.0);

    index("../elsewhere.safetensors");
    says(&error(folder.path()), &["names the file `../elsewhere.safetensors`", "beside the index"]);
    index("model-00003-of-00002.safetensors");
    says(&error(folder.path()), &["model-00003-of-00002.safetensors", "opening the weights"]);
}

#[test]
fn a_checkpoint_without_its_prefix_loads_too() {
    for (family, prefix) in [("gpt2", "transformer."), ("llama", "model."), ("gpt_neox", "gpt_neox.")] {
        let folder = copy(family);
        let io = Numbers::open(&fixtures().join(family).join("io.safetensors"));
        rewrite(folder.path(), |tensors| {
            *tensors = tensors
                .drain()
                .map(|(name, tensor)| match name.strip_prefix(prefix) {
                    Some(rest) => (rest.to_owned(), tensor),
                    None if family == "gpt_neox" => (name.replace("lm_head", "embed_out"), tensor),
                    None => (name, tensor),
                })
                .collect();
        });
        let got = plain(&families::load(folder.path()), io.ints("input_ids.0"), &mut ());
        assert!(distance(&got, &io.floats("logits.0")) < 1e-4, "{family}");
    }
}

#[test]
fn weights_keep_their_dtype_or_are_cast() {
    for family in families::families() {
        let io = Numbers::open(&family.join("io.safetensors"));
        let expected: Tensor<3> = io.floats("logits.0");
        let size = expected.clone().abs().max().into_scalar::<f32>();
        let folder = copy(families::name(&family));
        rewrite(folder.path(), |tensors| {
            for (dtype, _, data) in tensors.values_mut() {
                let floats = data.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()));
                *data = floats.flat_map(|float| half::bf16::from_f32(float).to_le_bytes()).collect();
                *dtype = Stored::BF16;
            }
        });
        for (dtype, kind, tolerance) in [
            (Dtype::Keep, DType::BF16, 0.1),
            (Dtype::BF16, DType::BF16, 0.1),
            (Dtype::F16, DType::F16, 0.06),
            (Dtype::F32, DType::F32, 0.06),
        ] {
            let model = Pretrained::load(folder.path(), dtype, &Device::flex()).unwrap();
            let logits = plain(&model, io.ints("input_ids.0"), &mut ());
            assert_eq!(logits.dtype(), kind);
            let off = distance(&logits.cast(DType::F32), &expected) / size;
            assert!(off < tolerance, "{}: {dtype} is off by {off} of {size}", families::name(&family));
        }
    }
}

#[test]
fn a_gru_checkpoint_loads_or_is_refused() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/transformers/gru");
    assert!(Gru::load(&source, Dtype::F32, &Device::flex()).is_ok());
    let folder = tempfile::tempdir().unwrap();
    fs::copy(source.join("model.safetensors"), folder.path().join("model.safetensors")).unwrap();
    fs::write(folder.path().join("config.json"), r#"{"n_layer": 3, "h_dim": 8, "n_labels": 3}"#).unwrap();
    let error = Gru::load(folder.path(), Dtype::F32, &Device::flex()).unwrap_err().to_string();
    says(&error, &["cells.2.x2h.weight` is missing"]);
}
