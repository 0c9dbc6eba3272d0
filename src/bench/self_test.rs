//! Compares a device with the processor: a forward and backward pass of a tiny model with an interchange.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::Device;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use safetensors::tensor::{Dtype as Stored, TensorView};
use serde::Serialize;

use super::{Method, Workload};
use crate::alignment::loss::{Objective, loss};
use crate::alignment::{Cache, Candidate, Level, LocatedPairs, PairSet, Partition, Storage};
use crate::error::Error;
use crate::files;
use crate::interventions::RotatedSpace;
use crate::models::{Dtype, LanguageModel, Pretrained};
use crate::orthogonal::{self, Rotation, gaussian};
use crate::tap::Component;

/// The largest accepted difference from the processor: absolute for logits, relative to the largest entry for the gradient.
pub const TOLERANCE: f64 = 1e-3;

/// The differences between a device's results and the processor's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SelfTest {
    /// The largest absolute difference of a logit.
    pub logits: f64,
    /// The largest absolute difference of an entry of the rotation's gradient, divided by the largest entry.
    pub gradient: f64,
}

impl SelfTest {
    /// Whether both differences are below [`TOLERANCE`].
    #[must_use]
    pub fn passes(self) -> bool {
        self.logits < TOLERANCE && self.gradient < TOLERANCE
    }
}

/// Runs a Llama of two layers, with an interchange after the first, on the processor and on the device, in f32.
pub fn self_test(device: &Device) -> Result<SelfTest, Error> {
    let folder = std::env::temp_dir();
    let folder =
        tempfile::tempdir_in(&folder).map_err(Error::file(&folder, "cannot write the self-test's model in"))?;
    write(folder.path())?;
    let expected = PassResult::compute(folder.path(), &Device::flex())?;
    let computed = PassResult::compute(folder.path(), device)?;
    let largest = expected.gradient.iter().fold(0.0, |most: f64, x| most.max(f64::from(x.abs())));
    Ok(SelfTest {
        logits: distance(&computed.logits, &expected.logits),
        gradient: distance(&computed.gradient, &expected.gradient) / largest,
    })
}

struct PassResult {
    logits: Vec<f32>,
    gradient: Vec<f32>,
}

impl PassResult {
    fn compute(folder: &Path, device: &Device) -> Result<Self, Error> {
        let (method, component, layer) = (Method::LowRank(4), Component::BlockOutput, 0);
        let model = folder.to_owned();
        let work = Workload { model, method, component, layer, position: 3, batch: 4, length: 6, warmup: 0, steps: 1 };
        let model = Pretrained::load(folder, Dtype::F32, device)?;
        let pairs = work.pairs(model.vocab_size());
        let place = LocatedPairs::new(work.location(), &pairs);
        let cache = Cache::fill(&model, &[place], &Storage::at(Level::Memory), device, &mut |_, _| {})?;
        let (rank, columns) = work.columns(WIDTH);
        let (mut rng, tracked) = (ChaCha8Rng::seed_from_u64(2), device.clone().autodiff());
        let rotation = Rotation::manifold(orthogonal::random(WIDTH, rank, &mut rng, &tracked), &tracked);
        let rotated = RotatedSpace::new(rotation);
        let partition = Partition::new(vec![("label".to_owned(), columns)], rank)?;
        let candidate = Candidate { interventions: vec![rotated], partition };
        let batch = cache.batch(&(0..pairs.len()).collect::<Vec<_>>())?;
        let forward = loss(&model, &batch, &[&candidate], &Objective::default())?;
        let gradients = forward.total.backward();
        let Rotation::Manifold(manifold) = &candidate.interventions[0].rotation else {
            unreachable!("a fresh rotation without a map is on the manifold")
        };
        let gradient = manifold.stiefel.val().grad(&gradients).expect("the loss depends on the rotation");
        let values = |data: burn::tensor::TensorData| data.iter::<f32>().collect();
        Ok(Self { logits: values(forward.logits.detach().into_data()), gradient: values(gradient.into_data()) })
    }
}

/// The largest absolute difference; infinite if one is NaN.
fn distance(a: &[f32], b: &[f32]) -> f64 {
    let off = a.iter().zip(b).map(|(a, b)| f64::from((a - b).abs()));
    off.fold(0.0, |most: f64, off| if off.is_nan() { f64::INFINITY } else { most.max(off) })
}

const WIDTH: usize = 32;
const HIDDEN: usize = 64;
const VOCABULARY: usize = 96;

/// Writes a checkpoint with Gaussian weights that are large enough for rounding errors to show.
fn write(folder: &Path) -> Result<(), Error> {
    let config = serde_json::json!({
        "model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": VOCABULARY, "hidden_size": WIDTH,
        "intermediate_size": HIDDEN, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
        "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": true,
    });
    files::write_json(&folder.join("config.json"), &config)?;
    let mut shapes = vec![("embed_tokens".to_owned(), vec![VOCABULARY, WIDTH]), ("norm".to_owned(), vec![WIDTH])];
    for layer in 0..2 {
        for (name, shape) in [
            ("input_layernorm", vec![WIDTH]),
            ("self_attn.q_proj", vec![WIDTH, WIDTH]),
            ("self_attn.k_proj", vec![WIDTH / 2, WIDTH]),
            ("self_attn.v_proj", vec![WIDTH / 2, WIDTH]),
            ("self_attn.o_proj", vec![WIDTH, WIDTH]),
            ("post_attention_layernorm", vec![WIDTH]),
            ("mlp.gate_proj", vec![HIDDEN, WIDTH]),
            ("mlp.up_proj", vec![HIDDEN, WIDTH]),
            ("mlp.down_proj", vec![WIDTH, HIDDEN]),
        ] {
            shapes.push((format!("layers.{layer}.{name}"), shape));
        }
    }
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut tensors: BTreeMap<String, (Vec<usize>, Vec<u8>)> = BTreeMap::new();
    for (name, shape) in shapes {
        // Norm weights near 1; matrices that keep the scale of their input.
        let (mean, deviation) = if shape.len() == 1 { (1.0, 0.1) } else { (0.0, (shape[1] as f64).sqrt().recip()) };
        let values = gaussian(shape.iter().product(), &mut rng).into_iter();
        let bytes = values.flat_map(|x| ((mean + deviation * x) as f32).to_le_bytes()).collect();
        tensors.insert(format!("model.{name}.weight"), (shape, bytes));
    }
    let path = folder.join("model.safetensors");
    let refused = |error: safetensors::SafeTensorError| Error::content(&path, error.to_string());
    let view = |(shape, bytes)| TensorView::new(Stored::F32, Vec::clone(shape), bytes);
    let views = tensors.iter().map(|(name, (shape, bytes))| Ok((name, view((shape, bytes))?)));
    let views = views.collect::<Result<Vec<_>, _>>().map_err(refused)?;
    files::write(&path, &safetensors::serialize(views, None).map_err(refused)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_never_passes() {
        assert!(!SelfTest { logits: distance(&[f32::NAN], &[0.0]), gradient: 0.0 }.passes());
    }

    #[test]
    fn logits_and_gradient_are_not_trivial() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path()).unwrap();
        let computed = PassResult::compute(folder.path(), &Device::flex()).unwrap();
        let largest = |values: &[f32]| values.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
        assert!(largest(&computed.logits) > 0.5, "{}", largest(&computed.logits));
        assert!(largest(&computed.gradient) > 1e-3, "{}", largest(&computed.gradient));
    }
}
