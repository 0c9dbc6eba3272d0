//! The GRU equals PyTorch's, and an intervention at one time step changes the later ones only.

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor};
use intervene::models::{Context, Dtype, FrozenModel, Gru};
use intervene::tap::{Component, Patch, Record, Rows, Site, Tap};

use crate::common::numbers::Numbers;
use crate::common::tensors::distance;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/transformers/gru")
}

fn run(gru: &Gru, x: Tensor<3>, tap: &mut dyn Tap) -> Tensor<3> {
    gru.unembed(gru.layers(x, 0..gru.n_layers(), &mut Context::default(), tap))
}

#[test]
fn clean_and_patched_runs_are_those_of_pytorch() {
    let gru = Gru::load(&folder(), Dtype::F32, &Device::flex()).unwrap();
    let numbers = Numbers::open(&folder().join("run.safetensors"));
    let x: Tensor<3> = numbers.floats("x");
    let clean = run(&gru, x.clone(), &mut ());
    assert!(distance(&clean, &numbers.floats("logits")) < 1e-5);

    // Example 0's row at step 2 is replaced, example 1's is written back.
    let row: Tensor<2> = numbers.floats("row");
    let mut patch = Patch::new(Component::CellOutput.at(0), Rows::same(2, &[2]).unwrap(), |rows| {
        Tensor::cat(vec![row.clone().unsqueeze(), rows.narrow(0, 1, 1)], 0)
    });
    let mut record = Record::new(Component::CellOutput.at(0), Rows::same(2, &[2, 3]).unwrap());
    let got = run(&gru, x, &mut (&mut patch as &mut dyn Tap, &mut record as &mut dyn Tap));
    patch.finish().unwrap();
    assert!(distance(&got, &numbers.floats("patched")) < 1e-5);
    assert!(distance(&got, &clean) > 1e-2);
    let taken = record.take().unwrap();
    assert_eq!(distance(&taken.narrow(0, 0, 1).narrow(1, 0, 1), &row.unsqueeze()), 0.0);
}

#[test]
fn every_site_is_visited_with_its_shape_and_an_identity_changes_nothing() {
    let gru = Gru::load(&folder(), Dtype::F32, &Device::flex()).unwrap();
    let x: Tensor<3> = Numbers::open(&folder().join("run.safetensors")).floats("x");
    let [batch, seq, _] = x.dims();
    let clean = run(&gru, x.clone(), &mut ());
    let mut visited = std::collections::BTreeSet::new();
    run(&gru, x.clone(), &mut |site: Site, value: Tensor<3>| {
        assert_eq!(value.dims(), [batch, seq, gru.site_shape(site.component).unwrap().width], "{site}");
        visited.insert(site);
        value
    });
    assert_eq!(visited.len(), gru.n_layers() * Component::GRU.len());
    for site in visited {
        let mut patch = Patch::new(site, Rows::same(batch, &[4, 1]).unwrap(), |rows| rows);
        assert_eq!(distance(&run(&gru, x.clone(), &mut patch), &clean), 0.0, "{site}");
        patch.finish().unwrap();
        let mut patch = Patch::new(site, Rows::same(batch, &[1]).unwrap(), |rows| rows * 0.0 + 0.7);
        let changed = run(&gru, x.clone(), &mut patch);
        let at = |logits: &Tensor<3>, step: usize| logits.clone().narrow(1, step, 1);
        assert_eq!(distance(&at(&changed, 0), &at(&clean, 0)), 0.0, "{site} changes earlier steps");
        assert!(distance(&at(&changed, 3), &at(&clean, 3)) > 1e-4, "{site} does not change later steps");
    }
}
