//! Files that are read and written whole.

use burn::tensor::{Device, Tensor};
use intervene::files;
use intervene::tensors::Tensors;

#[test]
fn tensors_are_read_back_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.safetensors");
    let device = Device::flex();
    let x = Tensor::<2>::from_data([[0.1f32, -2.5e-8, 3.0]], &device);
    let mut tensors = Tensors::default();
    tensors.insert("x", x.clone());
    tensors.write(&path).unwrap();
    let read = Tensors::read(&path).unwrap();
    assert_eq!(read.get("x", [1, 0], &device).unwrap().into_data(), x.into_data());
    assert!(read.get("x", [3, 1], &device).unwrap_err().to_string().contains("[1, 3]; [3, 1] is needed"));
    let bytes = files::read(&path).unwrap();
    files::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    assert!(Tensors::read(&path).unwrap_err().to_string().contains("not a whole safetensors file"));
}
