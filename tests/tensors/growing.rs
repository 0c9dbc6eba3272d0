//! Files that grow row by row.

use std::fs;

use intervene::tensors::{Growing, Numbers};
use safetensors::SafeTensors;

fn specification() -> Vec<(String, Numbers, Vec<usize>)> {
    vec![("x".to_owned(), Numbers::F32, vec![3, 1]), ("index".to_owned(), Numbers::I64, vec![2])]
}

#[test]
fn tensors_grow_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.safetensors");
    let mut growing = Growing::create(&path, &specification(), &[("made", "here".to_owned())]).unwrap();
    growing.add_floats(0, &[1.5, -2.0]).unwrap();
    growing.add_integers(1, &[7]).unwrap();
    assert!(!path.exists());
    growing.add_floats(0, &[3.0]).unwrap();
    growing.add_integers(1, &[-1]).unwrap();
    growing.finish().unwrap();
    let bytes = fs::read(&path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(file.tensor("x").unwrap().shape(), [3, 1]);
    let floats: Vec<u8> = [1.5f32, -2.0, 3.0].iter().flat_map(|x| x.to_le_bytes()).collect();
    assert_eq!(file.tensor("x").unwrap().data(), floats);
    let integers: Vec<u8> = [7i64, -1].iter().flat_map(|x| x.to_le_bytes()).collect();
    assert_eq!(file.tensor("index").unwrap().data(), integers);
}

#[test]
fn too_few_and_too_many_rows_are_errors_and_leave_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.safetensors");
    let mut growing = Growing::create(&path, &specification(), &[]).unwrap();
    assert!(growing.add_integers(1, &[1, 2, 3]).unwrap_err().to_string().contains("more rows"));
    growing.add_floats(0, &[0.0]).unwrap();
    assert!(growing.finish().unwrap_err().to_string().contains("fewer rows"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
