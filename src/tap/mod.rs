//! Taps: how an intervention reaches into a frozen model.
//!
//! A model calls its tap at every *site* of every layer with the activation there, `[batch, seq, width]`, and continues
//! with the tensor that the tap returns. [`Patch`] replaces rows, [`Record`] stores them, `()` changes nothing;
//! closures, pairs and slices of taps are taps too. A head is a range of columns of a site, so every activation has
//! rank 3.
//!
//! pyvene's `attention_weight` is not supported on purpose: it has rank 4.

mod patch;
mod record;
mod rows;
mod site;

pub use patch::Patch;
pub use record::Record;
pub use rows::Rows;
pub use site::{Component, Site};

use burn::tensor::Tensor;

/// A function that a model calls at every site of a run.
pub trait Tap {
    /// Receives the activation of `site` and returns the tensor that the model continues with.
    ///
    /// # Shapes
    /// - activation: `[batch, seq, width]`
    /// - output: `[batch, seq, width]`
    fn visit(&mut self, site: Site, activation: Tensor<3>) -> Tensor<3>;
}

/// Leaves the run unchanged.
impl Tap for () {
    fn visit(&mut self, _site: Site, activation: Tensor<3>) -> Tensor<3> {
        activation
    }
}

impl<F: FnMut(Site, Tensor<3>) -> Tensor<3>> Tap for F {
    fn visit(&mut self, site: Site, activation: Tensor<3>) -> Tensor<3> {
        self(site, activation)
    }
}

/// Applies the first tap, then the second.
impl<A: Tap, B: Tap> Tap for (A, B) {
    fn visit(&mut self, site: Site, activation: Tensor<3>) -> Tensor<3> {
        let activation = self.0.visit(site, activation);
        self.1.visit(site, activation)
    }
}

/// Applies the taps in order.
impl<T: Tap> Tap for [T] {
    fn visit(&mut self, site: Site, activation: Tensor<3>) -> Tensor<3> {
        self.iter_mut().fold(activation, |activation, tap| tap.visit(site, activation))
    }
}

impl Tap for &mut (dyn Tap + '_) {
    fn visit(&mut self, site: Site, activation: Tensor<3>) -> Tensor<3> {
        (**self).visit(site, activation)
    }
}

impl Tap for Box<dyn Tap + '_> {
    fn visit(&mut self, site: Site, activation: Tensor<3>) -> Tensor<3> {
        (**self).visit(site, activation)
    }
}
