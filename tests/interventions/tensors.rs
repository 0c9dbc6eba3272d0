//! Interventions are written to tensors and read from them, pyvene's included; malformed ones are refused.

use std::collections::BTreeMap;
use std::path::PathBuf;

use burn::tensor::{Device, TensorData};
use intervene::interventions::{AnyIntervention, Kind, NamedTensors, Subspace};
use intervene::orthogonal::{self, Map};
use safetensors::SafeTensors;

use super::reference::{tensors, vector};
use super::{BATCH, WIDTH, rng, values};

/// NamedTensors are read and written with the same bits, and pyvene's `state_dict` gives the same R.
#[test]
fn tensors_are_read_and_written_with_the_same_bits() {
    let device = Device::flex();
    for kind in Kind::ALL {
        let tensors = tensors(kind, 30);
        let one = AnyIntervention::from_tensors(kind, &tensors, None, &device).unwrap();
        let back = one.to_tensors();
        assert_eq!(back.keys().collect::<Vec<_>>(), tensors.keys().collect::<Vec<_>>(), "{kind}");
        for (name, data) in &tensors {
            assert_eq!(back[name].shape(), data.shape(), "{kind}: {name}");
            assert_eq!(vector(&back[name]), vector(data), "{kind}: {name}");
        }
        let state = one.to_pyvene();
        assert_eq!(state.contains_key("rotate_layer.parametrizations.weight.original"), one.rotation().is_some());
        let again = AnyIntervention::from_tensors(kind, &state, None, &device).unwrap().to_tensors();
        for (name, data) in &tensors {
            assert_eq!(vector(&again[name]), vector(data), "{kind}: {name} through pyvene's names");
        }
    }
}

/// All weights of the fixtures, with R as PyTorch has it, through R and through PyTorch's parametrisation.
#[test]
fn pyvenes_weights_load() {
    let device = Device::flex();
    let folder = std::env::var_os("INTERVENE_FIXTURES")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pyvene"), PathBuf::from);
    let mut seen = BTreeMap::<Kind, usize>::new();
    for family in std::fs::read_dir(folder).unwrap() {
        let Ok(bytes) = std::fs::read(family.unwrap().path().join("cases.safetensors")) else { continue };
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let mut groups = BTreeMap::<(Kind, String), NamedTensors>::new();
        for (name, view) in file.tensors() {
            let Some([class, size, name]) = name.strip_prefix("w/").map(|name| {
                let mut parts = name.splitn(3, '/');
                [(); 3].map(|()| parts.next().unwrap().to_owned())
            }) else {
                continue;
            };
            let class = match class.as_str() {
                "JumpReLU" => "JumpReLUAutoencoder".to_owned(),
                "PCA" => "PCARotatedSpace".to_owned(),
                rotated if rotated.ends_with("Rotated") => format!("{rotated}Space"),
                other => other.to_owned(),
            };
            let kind: Kind = format!("{class}Intervention").parse().unwrap();
            if view.dtype() == safetensors::Dtype::F32 {
                let values = view.data().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap()));
                let data = TensorData::new(values.collect::<Vec<_>>(), view.shape().to_vec());
                groups.entry((kind, size)).or_default().insert(name, data);
            }
        }
        for ((kind, size), tensors) in groups {
            let weight = tensors.get("rotate_layer.weight").map(vector);
            for map in
                [None, tensors.get("rotate_layer.original").map(|x| Map::default_for(x.shape()[0], x.shape()[1]))]
            {
                let one = AnyIntervention::from_tensors(kind, &tensors, map, &device).unwrap();
                assert_eq!(one.kind(), kind, "{size}");
                let (Some(rotation), Some(weight)) = (one.rotation(), &weight) else { continue };
                let r = values(&rotation.matrix());
                let distance = r.iter().zip(weight).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                assert!(distance < if map.is_none() { 1e-30 } else { 1e-5 }, "{kind} {size}: {distance}");
                assert!(orthogonal::error(&rotation.matrix()) < 1e-5, "{kind} {size}");
            }
            *seen.entry(kind).or_default() += 1;
        }
    }
    println!("{seen:?}");
    assert!(!seen.is_empty(), "no weights found");
}

#[test]
fn bad_tensors_are_refused() {
    let device = Device::flex();
    let refused = |kind: Kind, name: &str, data: Option<TensorData>, words: &str| {
        let mut tensors = tensors(kind, 33);
        match data {
            Some(data) => tensors.insert(name.to_owned(), data),
            None => tensors.remove(name),
        };
        let message = AnyIntervention::from_tensors(kind, &tensors, None, &device).unwrap_err().to_string();
        assert!(message.contains(words) && message.contains(kind.name()), "{message}");
    };
    let zeros = |shape: &[usize]| TensorData::new(vec![0.0_f32; shape.iter().product()], shape.to_vec());
    refused(Kind::RotatedSpace, "rotate_layer.weight", None, "there is no `rotate_layer.weight`");
    refused(Kind::RotatedSpace, "rotate_layer.weight", Some(zeros(&[8, 8])), "not orthonormal");
    refused(Kind::RotatedSpace, "rotate_layer.weight", Some(zeros(&[4, 8])), "more columns than rows");
    refused(Kind::RotatedSpace, "rotate_layer.weight", Some(zeros(&[8])), "1 dimensions, not 2");
    refused(Kind::SigmoidMaskRotatedSpace, "masks", Some(zeros(&[7])), "shape [7], not [8]");
    refused(Kind::BoundlessRotatedSpace, "intervention_boundaries", Some(TensorData::from([f32::NAN])), "NaN");
    refused(Kind::BoundlessRotatedSpace, "temperature", Some(zeros(&[])), "above 0");
    refused(Kind::SigmoidMask, "temperature", Some(zeros(&[2])), "not one number");
    refused(Kind::JumpReluAutoencoder, "W_dec", Some(zeros(&[8, 12])), "shape [8, 12], not [12, 8]");
    refused(Kind::PcaRotatedSpace, "pca_std", Some(zeros(&[9])), "shape [9], not [8]");

    let fresh = |kind, rank| AnyIntervention::fresh(kind, WIDTH, rank, None, &mut rng(34), &device).map(|_| ());
    assert!(fresh(Kind::RotatedSpace, Some(9)).unwrap_err().to_string().contains("rank 9"));
    assert!(fresh(Kind::RotatedSpace, Some(0)).is_err());
    assert!(fresh(Kind::BoundlessRotatedSpace, Some(4)).unwrap_err().to_string().contains("full rank"));
    assert!(fresh(Kind::PcaRotatedSpace, None).unwrap_err().to_string().contains("must be given"));
    let mask = |subspace: Subspace| subspace.mask(WIDTH, BATCH, &device).unwrap_err().to_string();
    assert!(mask(Subspace::Same(vec![8])).contains("no column 8"));
    assert!(mask(Subspace::PerExample(vec![vec![0]; 2])).contains("2 subspaces for a batch of 3"));
}
