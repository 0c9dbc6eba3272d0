//! The operation that a representation applies to its rows: a library intervention or user code.

use burn::tensor::Tensor;

use crate::error::Error;
use crate::interventions::{AnyIntervention, BuiltIn, Intervention, Needs, blend};

/// Maps base rows and source rows to edited rows, independently of their site.
///
/// [`AnyIntervention`] and closures `|base, source| ..` implement it; [`Sourceless`] wraps a closure `|base| ..` and
/// [`TrainableOperation`] a trainable module. A user's struct has to implement only [`edit`](Self::edit).
pub trait Operation {
    /// # Shapes
    /// - base, source, output: `[batch, rows, width]`, f32
    /// - mask: `[batch or 1, 1, space]`, 0 where the base's coordinates are kept
    fn edit(&self, base: Tensor<3>, source: Tensor<3>, mask: Option<Tensor<3>>) -> Tensor<3>;

    /// What is read besides the base. With [`Needs::Nothing`], `edit` receives the base as its source too.
    fn needs(&self) -> Needs {
        Needs::Source
    }

    /// The number of columns of the operation's space, for rows of `width` columns. A subspace names columns of it.
    fn space(&self, width: usize) -> usize {
        width
    }

    /// Returns an error if the operation cannot act on `rows` rows of `width` columns.
    fn check(&self, _rows: usize, _width: usize) -> Result<(), Error> {
        Ok(())
    }

    /// Whether it returns the rows that it reads and edits nothing.
    fn collects(&self) -> bool {
        false
    }
}

impl Operation for AnyIntervention {
    fn edit(&self, base: Tensor<3>, source: Tensor<3>, mask: Option<Tensor<3>>) -> Tensor<3> {
        Intervention::edit(self, base, source, mask)
    }

    fn needs(&self) -> Needs {
        self.kind().needs()
    }

    fn space(&self, width: usize) -> usize {
        Intervention::space(self, width)
    }

    fn check(&self, rows: usize, width: usize) -> Result<(), Error> {
        let kind = self.kind();
        if let Some(own) = self.width().filter(|own| *own != width) {
            return Err(Error::Invalid(format!("{kind} needs rows of width {own}, the site's have width {width}")));
        }
        match self.units().filter(|units| *units != rows) {
            Some(units) => {
                Err(Error::Invalid(format!("{kind} is made for {units} rows, not {rows}: name as many positions")))
            }
            None => Ok(()),
        }
    }

    fn collects(&self) -> bool {
        self.kind().info().collects
    }
}

impl<F: Fn(Tensor<3>, Tensor<3>) -> Tensor<3>> Operation for F {
    fn edit(&self, base: Tensor<3>, source: Tensor<3>, mask: Option<Tensor<3>>) -> Tensor<3> {
        apply_mask(base.clone(), self(base, source), mask)
    }
}

/// Wraps a closure that reads no source.
pub struct Sourceless<F>(pub F);

impl<F: Fn(Tensor<3>) -> Tensor<3>> Operation for Sourceless<F> {
    fn edit(&self, base: Tensor<3>, _source: Tensor<3>, mask: Option<Tensor<3>>) -> Tensor<3> {
        apply_mask(base.clone(), (self.0)(base), mask)
    }

    fn needs(&self) -> Needs {
        Needs::Nothing
    }
}

/// Wraps a user's [`Intervention`]: a module with trainable parameters.
pub struct TrainableOperation<'a, I>(pub &'a I);

impl<I: Intervention> Operation for TrainableOperation<'_, I> {
    fn edit(&self, base: Tensor<3>, source: Tensor<3>, mask: Option<Tensor<3>>) -> Tensor<3> {
        self.0.edit(base, source, mask)
    }

    fn space(&self, width: usize) -> usize {
        self.0.space(width)
    }
}

/// The edited rows where the mask is 1, the base's where it is 0.
fn apply_mask(base: Tensor<3>, edited: Tensor<3>, mask: Option<Tensor<3>>) -> Tensor<3> {
    match mask {
        Some(mask) if edited.dims() == base.dims() => blend(base, edited, mask),
        _ => edited,
    }
}
