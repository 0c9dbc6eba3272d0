//! The parametrisations equal PyTorch's own matrices.

use burn::tensor::{Device, Tensor, TensorData};
use intervene::orthogonal::{Map, Rotation};
use safetensors::SafeTensors;

use super::distance;
use crate::common::fixtures::fixtures;

/// The matrices that PyTorch computed for every family of the fixtures.
#[test]
fn square_and_tall_parametrisations_equal_pytorch() {
    let device = Device::flex();
    let mut seen = 0;
    for family in std::fs::read_dir(fixtures()).unwrap() {
        let path = family.unwrap().path().join("cases.safetensors");
        let Ok(bytes) = std::fs::read(&path) else { continue };
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let tensor = |name: &str| {
            let view = file.tensor(name).unwrap();
            let values = view.data().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
            Tensor::<2>::from_data(TensorData::new::<f32, _>(values, [view.shape()[0], view.shape()[1]]), &device)
        };
        let layers = file.names().into_iter().filter_map(|name| {
            if let Some(stem) = name.strip_suffix("rotate_layer.original") {
                return Some((
                    format!("{stem}rotate_layer.original"),
                    format!("{stem}rotate_layer.base"),
                    format!("{stem}rotate_layer.weight"),
                ));
            }
            let stem = name.strip_suffix("rotate_layer.weight").filter(|stem| stem.ends_with("final/"))?;
            let inner = format!("{stem}rotate_layer.parametrizations.weight");
            Some((format!("{inner}.original"), format!("{inner}.0.base"), name.to_owned()))
        });
        for (original, base, weight) in layers {
            let original = tensor(&original);
            let [width, rank] = original.dims();
            let rotation = Rotation::parametrised(Map::default_for(width, rank), original, tensor(&base), &device);
            let difference = distance(&rotation.matrix(), &tensor(&weight));
            assert!(difference < 1e-5, "{}: {weight}: {difference}", path.display());
            seen += 1;
        }
    }
    println!("{seen} rotations");
    assert!(seen > 0, "no rotations found");
}
