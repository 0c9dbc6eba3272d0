//! Which rows of an activation are meant; the only place that gathers and scatters.

use burn::tensor::{Int, Tensor, TensorData};

use crate::error::Error;

/// The units of a site that an intervention reads and writes, example by example.
///
/// A unit is a position (the whole row) or a head at a position (one of the row's equal chunks of columns). Every
/// example has the same number of units, possibly at different places. Positions count along the activation that the
/// tap is given, from 0.
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
    /// `[batch][units]`: position × chunks + chunk
    index: Vec<Vec<usize>>,
    chunks: usize,
}

impl Rows {
    /// Whole rows: `positions[example]` lists that example's positions.
    pub fn positions(positions: Vec<Vec<usize>>) -> Result<Self, Error> {
        Self::new(positions, 1)
    }

    /// The same positions in each of `batch` examples.
    pub fn same(batch: usize, positions: &[usize]) -> Result<Self, Error> {
        Self::positions(vec![positions.to_vec(); batch])
    }

    /// Heads at positions: `units[example]` lists `(head, position)`; the site's row is `heads` equal ranges of columns.
    pub fn heads(units: &[Vec<(usize, usize)>], heads: usize) -> Result<Self, Error> {
        if let Some((head, _)) = units.iter().flatten().find(|(head, _)| *head >= heads) {
            return Err(Error::Rows(format!("head {head} is not there: the site has {heads} heads, counted from 0")));
        }
        let index =
            units.iter().map(|example| example.iter().map(|(head, position)| position * heads + head).collect());
        Self::new(index.collect(), heads)
    }

    fn new(index: Vec<Vec<usize>>, chunks: usize) -> Result<Self, Error> {
        let units = index.first().map_or(0, Vec::len);
        if units == 0 {
            return Err(Error::Rows("no example or no unit: at least one position per example is needed".to_owned()));
        }
        if let Some((example, other)) = index.iter().enumerate().find(|(_, other)| other.len() != units) {
            return Err(Error::Rows(format!(
                "example {example} has {} units and example 0 has {units}: every example of a batch needs the same number",
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

    /// The width of one unit on a site of the given width.
    #[must_use]
    pub fn width(&self, site_width: usize) -> usize {
        site_width / self.chunks
    }

    /// Do these rows lie within an activation of this shape?
    pub fn check(&self, [batch, seq, width]: [usize; 3]) -> Result<(), Error> {
        if batch != self.batch() {
            return Err(Error::Rows(format!("the rows are of {} examples, the activation of {batch}", self.batch())));
        }
        if !width.is_multiple_of(self.chunks) {
            return Err(Error::Rows(format!("{} heads do not divide the site's width of {width}", self.chunks)));
        }
        for (example, units) in self.index.iter().enumerate() {
            if let Some(unit) = units.iter().find(|unit| **unit >= seq * self.chunks) {
                let position = unit / self.chunks;
                return Err(Error::Rows(format!(
                    "position {position} of example {example} is past the end: there are {seq} positions, counted from 0"
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

    /// Writes the units and leaves every other entry as it is, bit for bit. Of a unit named twice the last one holds.
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
        // Each row of the result is either an old row or a new one: a selection from both, which copies and never adds.
        let old = batch * per_example;
        let mut from: Vec<usize> = (0..old).collect();
        for (b, units) in self.index.iter().enumerate() {
            for (u, unit) in units.iter().enumerate() {
                from[b * per_example + unit] = old + b * units.len() + u;
            }
        }
        let from = indices(from.into_iter(), &activation);
        let unit_width = width / self.chunks;
        let both = Tensor::cat(
            vec![activation.reshape([old, unit_width]), rows.reshape([batch * self.units(), unit_width])],
            0,
        );
        both.select(0, from).reshape([batch, seq, width])
    }

    /// Are the units all of the activation, in order?
    fn is_whole(&self, per_example: usize) -> bool {
        self.units() == per_example
            && self.index.iter().all(|units| units.iter().enumerate().all(|(at, unit)| at == *unit))
    }
}

fn indices(index: impl Iterator<Item = usize>, like: &Tensor<3>) -> Tensor<1, Int> {
    let index: Vec<i64> = index.map(|i| i64::try_from(i).expect("a row's number fits 63 bits")).collect();
    let length = index.len();
    Tensor::from_data(TensorData::new(index, [length]), &like.device())
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    fn counting(shape: [usize; 3]) -> Tensor<3> {
        let n = shape.iter().product::<usize>();
        Tensor::<1, Int>::arange(0..n as i64, &Device::flex()).float().reshape(shape)
    }

    fn values(tensor: Tensor<3>) -> Vec<f32> {
        tensor.into_data().try_to_vec().unwrap()
    }

    #[test]
    fn heads_at_positions_are_read_and_written_in_place() {
        let x = counting([2, 3, 4]);
        let rows = Rows::heads(&[vec![(1, 0), (0, 2)], vec![(0, 1), (1, 1)]], 2).unwrap();
        assert_eq!(values(rows.gather(x.clone())), [2., 3., 8., 9., 16., 17., 18., 19.]);
        let same = rows.scatter(x.clone(), rows.gather(x.clone()));
        assert_eq!(values(same), values(x.clone()));
        let zeroed = values(rows.scatter(x, Tensor::zeros([2, 2, 2], &Device::flex())));
        let zeros: Vec<usize> = (1..24).filter(|i| zeroed[*i] == 0.0).collect();
        assert_eq!(zeros, [2, 3, 8, 9, 16, 17, 18, 19]);
    }

    #[test]
    fn what_is_not_there_is_refused() {
        assert!(Rows::positions(vec![]).is_err());
        assert!(Rows::positions(vec![vec![0], vec![0, 1]]).is_err());
        assert!(Rows::heads(&[vec![(4, 0)]], 4).is_err());
        let past = Rows::same(1, &[3]).unwrap().check([1, 3, 8]).unwrap_err().to_string();
        assert!(past.contains("position 3 of example 0 is past the end"), "{past}");
    }
}
