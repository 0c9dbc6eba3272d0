//! Interventions: small modules that map base rows and source rows to rows.

mod rotated_space;

pub use rotated_space::RotatedSpace;

use burn::module::Module;
use burn::tensor::Tensor;

/// Maps base rows and source rows to the rows that take the base's place.
pub trait Intervention: Module {
    /// # Shapes
    /// - base, source, output: `[batch, units, width]`
    fn forward(&self, base: Tensor<3>, source: Tensor<3>) -> Tensor<3>;

    /// Told once per step how far the training is, from 0 to 1.
    fn anneal(&mut self, _progress: f64) {}

    /// What is added to the loss, `[1]`.
    fn penalty(&self) -> Option<Tensor<1>> {
        None
    }
}
