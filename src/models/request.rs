//! A tensor that a model needs: where it is stored, and how it is initialised.

use std::ops::Range;

/// The part of a stored tensor that is needed.
#[derive(Clone, Debug)]
pub(super) enum Selection {
    /// All of it.
    Whole,
    /// These rows, in this order (for a vector: these elements).
    Rows(Vec<usize>),
    /// These columns, transposed to rows: for weights that are stored `[in, out]`.
    Columns(Range<usize>),
}

/// The initial values of a tensor in an untrained model.
#[derive(Clone, Copy, Debug)]
pub(super) enum Initial {
    /// Normal with mean 0; the standard deviation is `initializer_range` times this factor.
    Normal(f64),
    /// Normal, with zeros in the row of the padding token.
    PaddedEmbedding,
    /// The same value everywhere.
    Constant(f32),
}

/// A tensor that a model needs.
pub(super) struct TensorRequest<'a> {
    pub name: &'a str,
    /// The shape of the stored tensor.
    pub stored: &'a [usize],
    pub selection: Selection,
    pub initial: Initial,
}

impl TensorRequest<'_> {
    /// The shape of the selected part.
    pub fn shape(&self) -> Vec<usize> {
        let mut shape = self.stored.to_vec();
        match &self.selection {
            Selection::Whole => {}
            Selection::Rows(rows) => shape[0] = rows.len(),
            Selection::Columns(columns) => shape = vec![columns.len(), shape[0]],
        }
        shape
    }
}
