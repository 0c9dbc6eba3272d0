//! The orthogonality error.

use burn::tensor::{Device, Tensor};
use intervene::orthogonal;

#[test]
fn the_error_of_a_matrix_with_nan_is_nan() {
    let columns = Tensor::from_data([[1.0, f32::NAN], [0.0, 1.0]], &Device::flex());
    assert!(orthogonal::error(&columns).is_nan());
}

#[test]
fn the_error_is_the_largest_entry() {
    let columns = Tensor::from_data([[1.0_f32, 0.25], [0.0, 1.0]], &Device::flex());
    assert_eq!(orthogonal::error(&columns), 0.25);
}
