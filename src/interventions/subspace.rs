//! Parts of an intervention's space.

use std::ops::Range;

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::error::Error;

/// Columns of an intervention's space: of the row, of R, of the components or of the latents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subspace {
    /// The same for all examples.
    Same(Vec<usize>),
    /// A list for each example, of any length.
    PerExample(Vec<Vec<usize>>),
}

impl Subspace {
    /// Ones in the columns of the subspace, zeros elsewhere. A column named twice counts once.
    ///
    /// # Shapes
    /// - output: `[batch or 1, 1, space]`
    pub fn mask(&self, space: usize, batch: usize, device: &Device) -> Result<Tensor<3>, Error> {
        let lists = self.lists(space, batch)?;
        let mut mask = vec![0.0_f32; lists.len() * space];
        for (row, columns) in mask.chunks_exact_mut(space).zip(lists) {
            columns.iter().for_each(|&column| row[column] = 1.0);
        }
        Ok(Tensor::from_data(TensorData::new(mask, [lists.len(), 1, space]), device))
    }

    /// The columns of the rows, in the subspace's order.
    ///
    /// # Shapes
    /// - rows: `[batch, units, space]`
    /// - output: `[batch, units, columns]`
    pub fn select(&self, rows: Tensor<3>) -> Result<Tensor<3>, Error> {
        let [batch, units, space] = rows.dims();
        let lists = self.lists(space, batch)?;
        let count = lists[0].len();
        if let Some(other) = lists.iter().find(|columns| columns.len() != count) {
            return Err(Error::Invalid(format!(
                "cannot collect subspaces of unequal sizes into one tensor ({count} and {} columns)",
                other.len()
            )));
        }
        let index: Vec<i64> = lists.iter().flatten().map(|&column| column as i64).collect();
        let index = Tensor::<3, Int>::from_data(TensorData::new(index, [lists.len(), 1, count]), &rows.device());
        Ok(rows.gather(2, index.expand([batch, units, count])))
    }

    /// The mask of a range that lies within the space.
    pub(super) fn range_mask(range: Range<usize>, space: usize, device: &Device) -> Tensor<3> {
        Self::Same(range.collect()).mask(space, 1, device).expect("the range lies in the space")
    }

    fn lists(&self, space: usize, batch: usize) -> Result<&[Vec<usize>], Error> {
        let lists = match self {
            Self::Same(columns) => std::slice::from_ref(columns),
            Self::PerExample(lists) if lists.len() == batch => lists,
            Self::PerExample(lists) => {
                return Err(Error::Invalid(format!("{} subspaces for a batch of {batch} examples", lists.len())));
            }
        };
        match lists.iter().flatten().find(|&&column| column >= space) {
            Some(column) => Err(Error::Invalid(format!(
                "there is no column {column} in a space of {space} columns (they count from 0)"
            ))),
            None => Ok(lists),
        }
    }
}

/// A space cut into numbered parts, some of which make a subspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubspacePartition {
    parts: Vec<Vec<usize>>,
}

impl SubspacePartition {
    /// Each part by its columns.
    #[must_use]
    pub const fn new(parts: Vec<Vec<usize>>) -> Self {
        Self { parts }
    }

    /// Each part as a range of columns.
    #[must_use]
    pub fn ranges(parts: impl IntoIterator<Item = Range<usize>>) -> Self {
        Self { parts: parts.into_iter().map(Iterator::collect).collect() }
    }

    /// In pyvene's notation: a pair is a range, any other list names columns.
    #[must_use]
    pub fn pyvene(parts: &[Vec<usize>]) -> Self {
        let part = |part: &Vec<usize>| match part[..] {
            [start, end] => (start..end).collect(),
            _ => part.clone(),
        };
        Self { parts: parts.iter().map(part).collect() }
    }

    /// The columns of each part.
    #[must_use]
    pub fn parts(&self) -> &[Vec<usize>] {
        &self.parts
    }

    /// The same parts for all examples.
    pub fn same(&self, members: &[usize]) -> Result<Subspace, Error> {
        self.columns(members).map(Subspace::Same)
    }

    /// Some parts for each example.
    pub fn per_example(&self, members: &[Vec<usize>]) -> Result<Subspace, Error> {
        members.iter().map(|own| self.columns(own)).collect::<Result<_, _>>().map(Subspace::PerExample)
    }

    fn columns(&self, members: &[usize]) -> Result<Vec<usize>, Error> {
        let mut columns = Vec::new();
        for &member in members {
            let part = self.parts.get(member).ok_or_else(|| {
                Error::Invalid(format!("there is no part {member} in a partition of {} parts", self.parts.len()))
            })?;
            columns.extend(part);
        }
        Ok(columns)
    }
}
