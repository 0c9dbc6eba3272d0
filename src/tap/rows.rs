//! Indices of an activation's rows; all gathering and scattering of activations is done here.

use burn::tensor::{Int, Tensor, TensorData};

use crate::error::Error;

/// The units of a site that an intervention reads and writes, for each example.
///
/// A unit is a position (the whole row) or a head at a position (one of the row's equal chunks of columns). Every
/// example has the same number of units; their positions may differ. A position is an index into the activation that
/// the tap receives, counted from 0.
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use intervene::tap::Rows;
///
/// let x = Tensor::<1, Int>::arange(0..12, &Device::flex()).float().reshape([1, 3, 4]); // [batch, seq, width]
/// let rows = Rows::heads(&[vec![(1, 0), (0, 2)]], 2)?; // head 1 at position 0, head 0 at position 2
/// assert_eq!(rows.gather(x).into_data().iter::<f32>().collect::<Vec<_>>(), [2., 3., 8., 9.]);
/// # Ok::<(), intervene::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows {
    /// `[batch][units]`: `position * chunks + chunk`
    index: Vec<Vec<usize>>,
    chunks: usize,
}

impl Rows {
    /// Selects whole rows: `positions[example]` lists that example's positions.
    pub fn positions(positions: Vec<Vec<usize>>) -> Result<Self, Error> {
        Self::new(positions, 1)
    }

    /// Selects the same positions in each of `batch` examples.
    pub fn same(batch: usize, positions: &[usize]) -> Result<Self, Error> {
        Self::positions(vec![positions.to_vec(); batch])
    }

    /// Selects heads at positions: `units[example]` lists `(head, position)`; a row consists of `heads` equal chunks.
    pub fn heads(units: &[Vec<(usize, usize)>], heads: usize) -> Result<Self, Error> {
        if let Some((head, _)) = units.iter().flatten().find(|(head, _)| *head >= heads) {
            return Err(Error::Rows(format!("head {head} does not exist: the site has {heads} heads, counted from 0")));
        }
        let index =
            units.iter().map(|example| example.iter().map(|(head, position)| position * heads + head).collect());
        Self::new(index.collect(), heads)
    }

    fn new(index: Vec<Vec<usize>>, chunks: usize) -> Result<Self, Error> {
        let units = index.first().map_or(0, Vec::len);
        if units == 0 {
            return Err(Error::Rows("the selection is empty: each example needs at least one position".to_owned()));
        }
        if let Some((example, other)) = index.iter().enumerate().find(|(_, other)| other.len() != units) {
            return Err(Error::Rows(format!(
                "example {example} has {} units and example 0 has {units}: all examples of a batch need the same number",
                other.len()
            )));
        }
        Ok(Self { index, chunks })
    }

    /// The number of examples.
    #[must_use]
    pub fn batch(&self) -> usize {
        self.index.len()
    }

    /// The number of units of each example.
    #[must_use]
    pub fn units(&self) -> usize {
        self.index[0].len()
    }

    /// The width of one unit at a site of the given width.
    #[must_use]
    pub fn width(&self, site_width: usize) -> usize {
        site_width / self.chunks
    }

    /// Returns an error if a row lies outside an activation of this shape.
    pub fn check(&self, [batch, seq, width]: [usize; 3]) -> Result<(), Error> {
        if batch != self.batch() {
            let rows = self.batch();
            return Err(Error::Rows(format!("the rows are for {rows} examples, but the activation has {batch}")));
        }
        if !width.is_multiple_of(self.chunks) {
            return Err(Error::Rows(format!("the site's width, {width}, is not a multiple of {} heads", self.chunks)));
        }
        for (example, units) in self.index.iter().enumerate() {
            if let Some(unit) = units.iter().find(|unit| **unit >= seq * self.chunks) {
                let position = unit / self.chunks;
                return Err(Error::Rows(format!(
                    "position {position} of example {example} is past the end: it has {seq} positions, counted from 0"
                )));
            }
        }
        Ok(())
    }

    /// Reads the units.
    ///
    /// # Shapes
    /// - activation: `[batch, seq, site width]`
    /// - output: `[batch, units, width]`
    #[must_use]
    pub fn gather(&self, activation: Tensor<3>) -> Tensor<3> {
        let [batch, seq, width] = activation.dims();
        let per_example = seq * self.chunks;
        let shape = [batch, self.units(), self.width(width)];
        if self.is_whole(per_example) {
            return activation.reshape(shape);
        }
        let index =
            self.index.iter().enumerate().flat_map(|(b, units)| units.iter().map(move |unit| b * per_example + unit));
        let index = indices(index, &activation);
        activation.reshape([batch * per_example, width / self.chunks]).select(0, index).reshape(shape)
    }

    /// Writes the units and leaves every other entry unchanged, bit for bit. The last row of a repeated unit is used.
    ///
    /// # Shapes
    /// - activation: `[batch, seq, site width]`
    /// - rows: `[batch, units, width]`
    /// - output: `[batch, seq, site width]`
    #[must_use]
    pub fn scatter(&self, activation: Tensor<3>, rows: Tensor<3>) -> Tensor<3> {
        let [batch, seq, width] = activation.dims();
        let per_example = seq * self.chunks;
        if self.is_whole(per_example) {
            return rows.reshape([batch, seq, width]);
        }
        // Each row of the result is selected from the old and the new rows: values are copied and never added.
        let old = batch * per_example;
        let mut selection: Vec<usize> = (0..old).collect();
        for (b, units) in self.index.iter().enumerate() {
            for (u, unit) in units.iter().enumerate() {
                selection[b * per_example + unit] = old + b * units.len() + u;
            }
        }
        let selection = indices(selection.into_iter(), &activation);
        let unit_width = width / self.chunks;
        let both = Tensor::cat(
            vec![activation.reshape([old, unit_width]), rows.reshape([batch * self.units(), unit_width])],
            0,
        );
        both.select(0, selection).reshape([batch, seq, width])
    }

    /// Returns true if the units are all units of the activation, in order.
    fn is_whole(&self, per_example: usize) -> bool {
        self.units() == per_example
            && self.index.iter().all(|units| units.iter().enumerate().all(|(i, unit)| i == *unit))
    }
}

fn indices(index: impl Iterator<Item = usize>, like: &Tensor<3>) -> Tensor<1, Int> {
    let index: Vec<i64> = index.map(|i| i64::try_from(i).expect("a row index fits in 63 bits")).collect();
    let length = index.len();
    Tensor::from_data(TensorData::new(index, [length]), &like.device())
}
