//! Tensors of whole numbers from fixtures, and the distance of two tensors.

use burn::tensor::{Int, Tensor, TensorData};

use super::device::device;
use super::numbers::Numbers;

/// The largest distance of two tensors of one shape.
pub fn distance<const D: usize>(a: &Tensor<D>, b: &Tensor<D>) -> f32 {
    assert_eq!(a.dims(), b.dims());
    let distance = (a.clone() - b.clone()).abs().max().into_scalar::<f32>();
    assert!(!distance.is_nan());
    distance
}

impl Numbers {
    pub fn ints<const D: usize>(&self, name: &str) -> Tensor<D, Int> {
        let (shape, values) = self.get(name);
        let values: Vec<i64> = values.iter().map(|value| *value as i64).collect();
        Tensor::from_data(TensorData::new(values, shape.clone()), &device())
    }
}
