//! Taps: how an intervention reaches into a frozen model.
//!
//! A model visits every *site* of every layer with the activation found there, `[batch, seq, width]`, and goes on with
//! what the tap gives back. [`Patch`] replaces rows, [`Record`] keeps them, `()` leaves everything as it is; closures,
//! pairs and slices of taps are taps too. A head is a range of columns of a site, so one rank serves all sites.
//!
//! Left out on purpose: `attention_weight` is rank 4 and has no site here.

mod patch;
mod record;
mod rows;
mod site;

pub use patch::Patch;
pub use record::Record;
pub use rows::Rows;
pub use site::{Component, Site};

use burn::tensor::Tensor;

/// Visits every site of a model's run.
pub trait Tap {
    /// # Shapes
    /// - activation: `[batch, seq, width]`
    /// - output: `[batch, seq, width]`
    fn visit(&mut self, site: Site, activation: Tensor<3>) -> Tensor<3>;
}

/// The run untouched.
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

/// First one, then the other.
impl<A: Tap, B: Tap> Tap for (A, B) {
    fn visit(&mut self, site: Site, activation: Tensor<3>) -> Tensor<3> {
        let activation = self.0.visit(site, activation);
        self.1.visit(site, activation)
    }
}

/// In order.
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
