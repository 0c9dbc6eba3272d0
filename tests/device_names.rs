//! Names of devices and sizes of memory are read as they are written.

use intervene::device::{Name, format_bytes, parse_bytes};

#[test]
fn a_name_is_read_as_it_is_written() {
    for name in ["auto", "cpu", "wgpu:0", "wgpu:3", "wgpu:cpu", "cuda:1", "rocm:0"] {
        assert_eq!(name.parse::<Name>().unwrap().to_string(), name);
    }
    for wrong in ["", "gpu", "cpu:0", "auto:1", "cuda:", "cuda:x", "cuda:-1", "wgpu:99999", "wgpu:gpu"] {
        let error = wrong.parse::<Name>().unwrap_err().to_string();
        assert!(error.starts_with(&format!("unknown device `{wrong}`")), "{error}");
    }
}

#[test]
fn sizes_have_units() {
    let read = |text: &str| parse_bytes(text).ok();
    assert_eq!(read("2 GB"), Some(2_000_000_000));
    assert_eq!(read("1.5mb"), Some(1_500_000));
    assert_eq!([read("2"), read("GB"), read("-1 GB"), read("1 XB"), read("inf GB")], [None; 5]);
    assert_eq!([2_100_000_000, 538_000_000, 12].map(format_bytes), ["2.1 GB", "538.0 MB", "0.0 kB"]);
}
