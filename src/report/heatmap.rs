//! A heatmap: a table of numbers as a picture, for example the IIA over layers and positions.

use std::fmt::Write;
use std::path::Path;

use super::canvas::{Anchor, Canvas, text_width};
use super::colour::{EMPTY, FAINT_INK, INK, WHITE, text_on, viridis};
use crate::error::Error;
use crate::files;

const LABEL: f64 = 18.0;
const MARGIN: f64 = 28.0;

/// A table of numbers with the names of its rows and columns. Row 0 is drawn on top; `None` is a cell without a measurement.
///
/// ```
/// use intervene::report::{Heatmap, Ink};
///
/// let map = Heatmap {
///     title: "IIA".into(),
///     row_axis: "layer".into(),
///     column_axis: "position".into(),
///     rows: vec!["0".into(), "1".into()],
///     columns: vec!["name".into(), "last".into()],
///     values: vec![vec![Some(1.0), Some(0.0)], vec![Some(0.25), None]],
///     range: (0.0, 1.0),
/// };
/// assert_eq!(map.csv(), "layer,name,last\n0,1,0\n1,0.25,\n");
/// assert!(map.text(Ink::Plain).contains("1.00"));
/// assert!(map.png()?.starts_with(b"\x89PNG"));
/// # Ok::<(), intervene::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Heatmap {
    /// The heading.
    pub title: String,
    /// The name of the rows' axis, such as "layer".
    pub row_axis: String,
    /// The name of the columns' axis, such as "position".
    pub column_axis: String,
    /// The rows' names.
    pub rows: Vec<String>,
    /// The columns' names.
    pub columns: Vec<String>,
    /// The values, `[rows][columns]`.
    pub values: Vec<Vec<Option<f64>>>,
    /// The values at the two ends of the colour scale.
    pub range: (f64, f64),
}

impl Heatmap {
    /// Returns an error if the values do not have the shape of the names, or if there are no rows or no columns.
    pub fn check(&self) -> Result<(), Error> {
        let (rows, columns) = (self.rows.len(), self.columns.len());
        let lengths = self.values.iter().map(Vec::len);
        if self.values.len() == rows && lengths.clone().all(|width| width == columns) && rows > 0 && columns > 0 {
            return Ok(());
        }
        Err(Error::Invalid(format!(
            "heatmap: {rows} rows and {columns} columns are named, but the rows' lengths are {:?}",
            lengths.collect::<Vec<_>>()
        )))
    }

    /// Writes the picture as a PNG file.
    pub fn write_png(&self, path: &Path) -> Result<(), Error> {
        files::write(path, &self.png()?)
    }

    /// Writes the numbers as a CSV file, see [`Heatmap::csv`].
    pub fn write_csv(&self, path: &Path) -> Result<(), Error> {
        files::write(path, self.csv().as_bytes())
    }

    /// The numbers in full precision as comma-separated values: first the columns' names, an empty field for `None`.
    #[must_use]
    pub fn csv(&self) -> String {
        let mut text = quoted(&self.row_axis);
        for column in &self.columns {
            text.push(',');
            text.push_str(&quoted(column));
        }
        text.push('\n');
        for (row, values) in self.rows.iter().zip(&self.values) {
            text.push_str(&quoted(row));
            for value in values {
                text.push(',');
                if let Some(value) = value {
                    // Writing to a string cannot fail.
                    let _ = write!(text, "{value}");
                }
            }
            text.push('\n');
        }
        text
    }

    /// The bytes of the PNG: each cell has its viridis colour and its value; a colour bar is at the right.
    pub fn png(&self) -> Result<Vec<u8>, Error> {
        self.check()?;
        let layout = HeatmapLayout::new(self);
        let mut canvas = Canvas::new(layout.width.ceil() as u32, layout.height.ceil() as u32);
        self.labels(&mut canvas, &layout);
        for (i, row) in self.values.iter().enumerate() {
            for (j, value) in row.iter().enumerate() {
                let (left, top) = (layout.left + j as f64 * layout.cell.0, layout.top + i as f64 * layout.cell.1);
                let ground = value.map_or(EMPTY, |value| viridis(self.share(value)));
                canvas.rectangle((left, top), (left + layout.cell.0, top + layout.cell.1), ground);
                let middle = (left + layout.cell.0 / 2.0, top + layout.cell.1 / 2.0);
                let ink = if value.is_some() { text_on(ground) } else { FAINT_INK };
                canvas.text(&cell_text(*value), middle, Anchor::Middle, layout.number, ink);
            }
        }
        self.gaps(&mut canvas, &layout);
        self.bar(&mut canvas, &layout);
        canvas.png()
    }

    /// The position of a value in the range, from 0 to 1.
    pub(super) fn share(&self, value: f64) -> f64 {
        let (low, high) = self.range;
        if high > low { ((value - low) / (high - low)).clamp(0.0, 1.0) } else { 0.5 }
    }

    fn labels(&self, canvas: &mut Canvas, layout: &HeatmapLayout) {
        let (right, bottom) = layout.corner(self);
        canvas.text(&self.title, (MARGIN, 36.0), Anchor::Start, layout.title, INK);
        for (i, row) in self.rows.iter().enumerate() {
            let middle = layout.top + (i as f64 + 0.5) * layout.cell.1;
            canvas.text(row, (layout.left - 10.0, middle), Anchor::End, LABEL, FAINT_INK);
        }
        for (j, column) in self.columns.iter().enumerate() {
            let middle = layout.left + (j as f64 + 0.5) * layout.cell.0;
            if layout.upright {
                canvas.text_up(column, (middle, bottom + 10.0), Anchor::End, LABEL, FAINT_INK);
            } else {
                canvas.text(column, (middle, bottom + 18.0), Anchor::Middle, LABEL, FAINT_INK);
            }
        }
        let middle = f64::midpoint(layout.top, bottom);
        canvas.text_up(&self.row_axis, (MARGIN, middle), Anchor::Middle, LABEL, INK);
        let below = (f64::midpoint(layout.left, right), layout.height - MARGIN);
        canvas.text(&self.column_axis, below, Anchor::Middle, LABEL, INK);
    }

    /// White lines between the cells.
    fn gaps(&self, canvas: &mut Canvas, layout: &HeatmapLayout) {
        let (right, bottom) = layout.corner(self);
        for i in 1..self.rows.len() {
            let y = layout.top + i as f64 * layout.cell.1;
            canvas.line(&[(layout.left, y), (right, y)], WHITE, 1.0);
        }
        for j in 1..self.columns.len() {
            let x = layout.left + j as f64 * layout.cell.0;
            canvas.line(&[(x, layout.top), (x, bottom)], WHITE, 1.0);
        }
    }

    fn bar(&self, canvas: &mut Canvas, layout: &HeatmapLayout) {
        let (right, bottom) = layout.corner(self);
        let (left, height) = (right + 28.0, bottom - layout.top);
        let strips = height.round() as u32;
        for strip in 0..strips {
            let y = layout.top + f64::from(strip);
            let colour = viridis(1.0 - (f64::from(strip) + 0.5) / height);
            canvas.rectangle((left, y), (left + 18.0, (y + 1.0).min(bottom)), colour);
        }
        for fifth in 0..=5 {
            let share = f64::from(fifth) / 5.0;
            let label = format!("{:.2}", self.range.0 + share * (self.range.1 - self.range.0));
            let y = bottom - share * height;
            canvas.line(&[(left + 18.0, y), (left + 23.0, y)], FAINT_INK, 1.0);
            canvas.text(&label, (left + 28.0, y), Anchor::Start, 16.0, FAINT_INK);
        }
    }
}

/// The positions and sizes of the parts, in pixels.
struct HeatmapLayout {
    left: f64,
    top: f64,
    cell: (f64, f64),
    width: f64,
    height: f64,
    number: f64,
    title: f64,
    upright: bool,
}

impl HeatmapLayout {
    fn new(map: &Heatmap) -> Self {
        let widest = |names: &[String]| names.iter().map(|name| text_width(name, LABEL)).fold(0.0, f64::max);
        let (rows, columns) = (map.rows.len() as f64, map.columns.len() as f64);
        let names = widest(&map.columns);
        let cell = ((820.0 / columns).clamp(46.0, 112.0).floor(), (560.0 / rows).clamp(25.0, 58.0).floor());
        let upright = names > cell.0 - 8.0;
        let left = MARGIN + 24.0 + widest(&map.rows) + 10.0;
        let top = 72.0;
        let below = if upright { names } else { 22.0 };
        let width = left + columns * cell.0 + 110.0;
        let room = width - 2.0 * MARGIN;
        let title = (27.0 * room / text_width(&map.title, 27.0).max(1.0)).clamp(14.0, 27.0);
        let number = (cell.1 * 0.62).min(cell.0 * 0.34).clamp(13.0, 20.0);
        let height = top + rows * cell.1 + 10.0 + below + 16.0 + MARGIN + 12.0;
        Self { left, top, cell, width, height, number, title, upright }
    }

    /// The cells' bottom right corner.
    fn corner(&self, map: &Heatmap) -> (f64, f64) {
        (self.left + map.columns.len() as f64 * self.cell.0, self.top + map.rows.len() as f64 * self.cell.1)
    }
}

/// The text of a cell: two decimals, or a dash for `None`.
pub(super) fn cell_text(value: Option<f64>) -> String {
    // A value that rounds to 0 is written without a sign.
    let written = |value: f64| format!("{:.2}", if value.abs() < 0.005 { 0.0 } else { value });
    value.map_or_else(|| "–".to_owned(), written)
}

/// A field of comma-separated values, in quotes if it needs them.
#[must_use]
pub fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::canvas::decode;
    use super::*;

    pub fn sample(rows: usize, columns: usize) -> Heatmap {
        let value = |i: usize, j: usize| ((i * columns + j) as f64 / (rows * columns - 1) as f64).sqrt();
        let values = (0..rows).map(|i| (0..columns).map(|j| (i + j != 1).then(|| value(i, j))).collect()).collect();
        Heatmap {
            title: "IIA by layer and position".into(),
            row_axis: "layer".into(),
            column_axis: "position".into(),
            rows: (0..rows).map(|i| i.to_string()).collect(),
            columns: (0..columns).map(|j| format!("t{j}")).collect(),
            values,
            range: (0.0, 1.0),
        }
    }

    #[test]
    fn the_picture_holds_every_cells_colour() {
        let map = sample(3, 4);
        let (width, height, pixels) = decode(&map.png().unwrap());
        let layout = HeatmapLayout::new(&map);
        assert_eq!((width, height), (layout.width.ceil() as u32, layout.height.ceil() as u32));
        for (i, row) in map.values.iter().enumerate() {
            for (j, value) in row.iter().enumerate() {
                // Near the corner the cell shows its colour and no text.
                let x = (layout.left + j as f64 * layout.cell.0) as usize + 4;
                let y = (layout.top + i as f64 * layout.cell.1) as usize + 4;
                let at = 3 * (y * width as usize + x);
                let expected = value.map_or(EMPTY, |value| viridis(map.share(value)));
                assert_eq!(pixels[at..at + 3], expected, "cell {i}, {j}");
            }
        }
    }
}
