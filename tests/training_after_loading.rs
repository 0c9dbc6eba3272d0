//! Training continues from a rotation that was saved and loaded: with the same loss, without a jump, and with columns that
//! stay orthonormal.

use std::path::Path;

use burn::tensor::Device;
use intervene::alignment::feature::FeaturePairs;
use intervene::alignment::interchange::Batch;
use intervene::alignment::search::{Search, search};
use intervene::alignment::{Candidate, Partition};
use intervene::interventions::{AnyIntervention, Kind, NamedTensors};
use intervene::models::Mlp;
use intervene::orthogonal::Map;
use intervene::pyvene::{self, PyveneFolder, SavedIntervention};
use intervene::tap::Component;
use intervene::tasks::hierarchical_equality::hierarchical_equality;
use intervene::tensors;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::common::problem::DrawnBy;

const SITE: intervene::tap::Site = intervene::tap::Site { layer: 0, component: Component::BlockOutput };

/// Trains on one batch; the loss before each step, and the largest orthogonality error.
fn train(model: &Mlp, start: Candidate, batch: &Batch, steps: usize, rate: f64) -> (Candidate, Vec<f64>, f64) {
    let config = Search { log_every: 1, ..Search::plain(steps, rate) };
    let (mut losses, mut error) = (Vec::new(), 0.0_f64);
    let mut problem = DrawnBy { model, draw: |_: &[usize]| Ok(batch.clone()) };
    let result = search(&mut problem, start, &config, &mut |line| {
        losses.push(line.loss);
        error = error.max(line.orthogonality_error);
        Ok(())
    });
    (result.unwrap().candidate, losses, error)
}

/// The tensors after writing and reading the file of a run folder.
fn through_safetensors(found: &AnyIntervention, folder: &Path) -> NamedTensors {
    let path = folder.join("intervention.safetensors");
    tensors::Tensors::from(found.to_tensors()).write(&path).unwrap();
    tensors::Tensors::read(&path).unwrap().into()
}

/// The tensors after writing and reading pyvene's files.
fn through_pyvene(found: &AnyIntervention, folder: &Path) -> NamedTensors {
    let saved = SavedIntervention {
        site: SITE,
        positions: true,
        units: 1,
        kind: found.kind(),
        tensors: found.to_pyvene(),
        constant: None,
        source: Some(0),
        link: None,
        partition: Some(vec![vec![0, 8], vec![8, 16]]),
        columns: found.width(),
    };
    pyvene::write(folder, &PyveneFolder { serial: false, model_type: None, interventions: vec![saved] }).unwrap();
    pyvene::read(folder).unwrap().interventions.remove(0).tensors
}

#[test]
fn training_continues_without_a_jump_in_the_loss() {
    let (task, device) = (hierarchical_equality(), Device::flex());
    let weights = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/equality_mlp.safetensors");
    let model = Mlp::load(&weights, &device).unwrap();
    let partition = Partition::new(vec![("WX".into(), 0..8), ("YZ".into(), 8..16)], 16).unwrap();
    let pairs = FeaturePairs { model: &model, task: &task, site: SITE, partition: &partition, device: &device };
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let batch = pairs.draw(&[0], 1024, &mut rng).unwrap();
    let (before, losses, _) = train(&model, fresh(&partition, &mut rng), &batch, 150, 1e-2);
    let found = &before.interventions[0];
    // The loss of the next step.
    let loss = train(&model, trainable(found, &partition, None), &batch, 1, 1e-6).1[0];
    assert!(loss < losses[0] - 0.1, "the search did not lower the loss: {} to {loss}", losses[0]);

    let folder = tempfile::tempdir().unwrap();
    for (way, tensors) in
        [("safetensors", through_safetensors(found, folder.path())), ("pyvene", through_pyvene(found, folder.path()))]
    {
        for map in [None, Some(Map::MatrixExp), Some(Map::Cayley), Some(Map::Householder)] {
            let loaded = AnyIntervention::from_tensors(Kind::RotatedSpace, &tensors, map, &device.clone().autodiff());
            let start = Candidate { interventions: vec![loaded.unwrap()], partition: partition.clone() };
            let (_, losses, error) = train(&model, start, &batch, 60, 1e-3);
            let name = format!("{way}, {map:?}");
            assert!((losses[0] - loss).abs() < 1e-4, "{name}: a loss of {} after one of {loss}", losses[0]);
            let worst = losses.iter().copied().fold(0.0, f64::max);
            assert!(worst < loss + 0.02, "{name}: the loss jumps from {loss} to {worst}");
            assert!(losses[59] < loss, "{name}: {} is no better than {loss}", losses[59]);
            assert!(error < 1e-5, "{name}: an orthogonality error of {error:.1e}");
        }
    }
}

/// The same rotation, trainable.
fn trainable(found: &AnyIntervention, partition: &Partition, map: Option<Map>) -> Candidate {
    let device = Device::flex().autodiff();
    let loaded = AnyIntervention::from_tensors(found.kind(), &found.to_tensors(), map, &device).unwrap();
    Candidate { interventions: vec![loaded], partition: partition.clone() }
}

/// A fresh rotation of the site.
fn fresh(partition: &Partition, rng: &mut ChaCha8Rng) -> Candidate {
    let tracked = Device::flex().autodiff();
    let rotation = AnyIntervention::fresh(Kind::RotatedSpace, 16, None, None, rng, &tracked).unwrap();
    Candidate { interventions: vec![rotation], partition: partition.clone() }
}
