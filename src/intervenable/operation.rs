//! What a representation does to its rows: an intervention, or custom code.

use burn::tensor::Tensor;

use crate::error::Error;
use crate::interventions::{AnyIntervention, BuiltIn, Intervention, Needs, blend};

/// Maps base rows and source rows to rows, without knowing where in the model they lie.
///
/// [`AnyIntervention`] is one, and so is a closure `|base, source| ..`; [`Sourceless`] wraps a closure `|base| ..`, and
/// [`Own`] a trainable module. A custom struct needs [`edit`](Self::edit) alone.
pub trait Operation {
    /// # Shapes
    /// - base, source, output: `[batch, rows, width]`, f32
    /// - mask: `[batch or 1, 1, space]`, zeros where the base's coordinates stay
    fn edit(&self, base: Tensor<3>, source: Tensor<3>, mask: Option<Tensor<3>>) -> Tensor<3>;

    /// What is read besides the base; if nothing is, `edit` gets the base twice.
    fn needs(&self) -> Needs {
        Needs::Source
    }

    /// The number of columns of the space that a subspace is part of, for rows of a width.
    fn space(&self, width: usize) -> usize {
        width
    }

    /// Refuses a number or a width of rows that it is not made for.
    fn check(&self, _rows: usize, _width: usize) -> Result<(), Error> {
        Ok(())
    }

    /// Whether it hands out the rows that it reads, and edits nothing.
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
            return Err(Error::Invalid(format!("{kind} is made for rows of width {own}, these are {width} wide")));
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
        within(base.clone(), self(base, source), mask)
    }
}

/// A closure that reads no source.
pub struct Sourceless<F>(pub F);

impl<F: Fn(Tensor<3>) -> Tensor<3>> Operation for Sourceless<F> {
    fn edit(&self, base: Tensor<3>, _source: Tensor<3>, mask: Option<Tensor<3>>) -> Tensor<3> {
        within(base.clone(), (self.0)(base), mask)
    }

    fn needs(&self) -> Needs {
        Needs::Nothing
    }
}

/// A custom [`Intervention`]: a module with parameters that can be trained.
pub struct Own<'a, I>(pub &'a I);

impl<I: Intervention> Operation for Own<'_, I> {
    fn edit(&self, base: Tensor<3>, source: Tensor<3>, mask: Option<Tensor<3>>) -> Tensor<3> {
        self.0.edit(base, source, mask)
    }

    fn space(&self, width: usize) -> usize {
        self.0.space(width)
    }
}

/// The edit where the mask is one, the base where it is zero.
fn within(base: Tensor<3>, edited: Tensor<3>, mask: Option<Tensor<3>>) -> Tensor<3> {
    match mask {
        Some(mask) if edited.dims() == base.dims() => blend(base, edited, mask),
        _ => edited,
    }
}
